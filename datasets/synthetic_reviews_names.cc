// People, titles and small shared word lists of the review grammar; the notation is described in
// synthetic_reviews_grammar.h.

#include "datasets/synthetic_reviews_grammar.h"

namespace adjoint::datasets {

const char kReviewNames[] = R"(
=~ first.m
Arthur | Daniel | Marcus | Henry | Victor | Samuel | Leo | Thomas | Gabriel | Oscar | Felix | Julian
Edmund | Rafael | Simon | Patrick | Hugo | Walter | Anton | Conrad | Elliot | Frederick | Gordon
Ismail | Jonas | Kenji | Lars | Mateo | Nikolai | Otis | Quentin | Roland | Stefan | Tobias | Vikram
=~ first.f
Clara | Helen | Miriam | Alice | Nora | Judith | Sylvia | Beatrice | Ingrid | Rosa | Vivian | Martha
Adele | Bettina | Carmen | Dorothea | Eleanor | Fiona | Gwendolyn | Harriet | Imogen | Josephine
Katarina | Lucinda | Mei | Odette | Penelope | Ramona | Sabine | Tamara | Ursula | Winifred | Yasmin
=~ surname
Vance | Halloran | Bright | Castell | Moreau | Lindqvist | Okafor | Penrose | Dray | Whitlock
Abernathy | Bellweather | Corrigan | Delacroix | Eastgate | Farrow | Gallagher | Hartmann | Iverson
Jessup | Kowalski | Lockhart | Marchetti | Nakamura | Oduya | Pemberton | Quill | Rosenthal | Sandoval
Tremaine | Underhill | Vasquez | Winterbourne | Yardley | Zelenka | Ashdown | Blackwood | Cavendish
Drummond | Ellery | Fontaine | Greave | Holloway | Jarrett | Kessler | Lorimer | Maddox | Northcote
Orsini | Prescott | Ravenscroft | Sinclair | Thackeray | Valente | Wexford | Bannister | Crane | Dunmore
=~ character.m
Jack | Ben | Tom | Frank | Charlie | Max | Ray | Eddie | Nathan | Will | Luther | Silas | Gus | Archie
Desmond | Emmett | Floyd | Hank | Ivan | Jasper | Leonard | Milo | Ned | Percy | Reggie | Stanley | Vernon
=~ character.f
Anna | Kate | Lucy | Maggie | Rose | Sarah | Emma | Grace | Ruth | June | Agnes | Bonnie | Cora | Daisy
Edith | Flora | Georgia | Hazel | Irene | Josie | Lottie | Mabel | Nell | Opal | Pearl | Sadie | Violet
=~ character.other
Morgan | Doyle | Sloane | Mercer | Quincy | Harlan | Baxter | Duval | Finch | Hobbs | Kemp | Lomax
Merrick | Novak | Pike | Rourke | Strand | Tully | Voss | Wilkes | Barlow | Cutler | Draper | Garland

= title
The {title.adj} {title.noun} | {title.adj} {title.noun} | The {title.noun} of {title.place}
{title.noun} at {title.hour} | The Last {title.noun} | A {title.consonant} for {title.name}
{title.name}'s {title.noun} | Beyond the {title.noun} | {title.number} {title.plural}
The {title.trade}'s {title.kin} | Waiting for {title.name} | Return to {title.place}
No {title.plural} in {title.place} | Under the {title.adj} {title.noun} | Goodbye, {title.name}
=~ title.adj
Silent | Broken | Golden | Hollow | Crimson | Distant | Forgotten | Burning | Crooked | Midnight
Velvet | Frozen | Restless | Scarlet | Wandering | Paper | Borrowed | Electric | Hidden | Seventh
=~ title.noun
River | Harvest | Mirror | Garden | Shadow | Promise | Lantern | Orchard | Bridge | Winter | Voyage
Tower | Carousel | Letter | Horizon | Kingdom | Staircase | Echo | Compass | Cathedral | Sparrow
= title.consonant
Song | Candle | Coffin | Dance | Horse | Lantern | Riddle | Throne | Waltz | Bullet
= title.plural
Strangers | Saints | Wolves | Summers | Brothers | Bullets | Violins | Daughters | Thieves | Miles
= title.place
Marrow Creek | Saint Orla | Port Lucan | Hollis Bay | Kestrel Ridge | Verona Street | Black Harbor
Dunmarrow | Alder Falls | Vesper Island | Tolliver County | the Valley
= title.hour
Dawn | Midnight | Noon | Sunset | Daybreak
= title.name
Juliet | Augustine | Mister Pym | Isabel | Delilah | Caspian | Eve | Solomon | Marigold | Uncle Abel
= title.number
Three | Seven | Nine | Twelve | A Hundred | Forty
= title.trade
Clockmaker | Lighthouse Keeper | Undertaker | Beekeeper | Cartographer | Tailor | Piano Tuner
= title.kin
Daughter | Wife | Son | Apprentice | Ghost | Secret | Mistake

= film
film | film | movie | movie | picture
= films
films | movies | pictures
=~ kin
brother | father | sister | mother | daughter | son | uncle | cousin | grandfather | niece
= number
two | three | four | five | six | seven
= minutes
ten minutes | twenty minutes | half an hour | forty minutes | the first hour | an hour
= hours
two hours | ninety minutes | an evening | two and a half hours | an hour and a half
= months
a week | a month | two years | one summer | a single night | three days | a long winter
= weeks
three weeks | six weeks | nineteen days | two months | eleven weeks
= months.shelf
months | years | ages | a whole year | half a year
= decade.late
eighties | nineties
= weekday
Friday | Saturday | Sunday | Monday | Thursday | Tuesday
= companion
wife | husband | brother | sister | roommate | teenage son | daughter | mother | best friend | neighbor
= decade
twenties | thirties | forties | fifties | sixties | seventies | eighties | nineties
= country
Norway | Portugal | Canada | Ireland | Argentina | Hungary | Scotland | Japan | Morocco | New Zealand
)";

}  // namespace adjoint::datasets
