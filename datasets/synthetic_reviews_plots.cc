// Neutral matter of the review grammar: what happens in a film of each genre, how the writer came
// to see it, and facts about its making. Nothing here depends on the stance of the review.

#include "datasets/synthetic_reviews_grammar.h"

namespace adjoint::datasets {

const char kReviewPlots[] = R"(
= plot.setup
{lead} plays {hero}, {a} {%role} who {%trouble}.
{hero} ({lead}) is {a} {%role} who {%trouble}.
set in {%place}, the film follows {hero} ({lead}), {a} {%role} who {%trouble}.
the story takes place in {%place}, where {a} {%role} named {hero}, played by {lead}, {%trouble}.
{lead} stars as {hero}, {a} {%role} in {%place}. Everything changes when {%event}.
the story begins when {%event}, and {hero} ({lead}), {a} {%role}, has to decide what to do.
it is the story of {hero} ({lead}), {a} {%role} who {%trouble}. Then {%event}.
in {%place}, {a} {%role} called {hero} ({lead}) {%trouble}.
the plot, briefly: {hero} ({lead}), {a} {%role}, {%trouble}, and then {%event}.
when {%event}, it falls to {hero} ({lead}), {a} {%role}, to put things right.
it opens in {%place}. {hero}, {a} {%role} played by {lead}, {%trouble}.
{lead} is cast as {a} {%role} named {hero}, who {%trouble}.
= plot.other
{costar} plays {other}, {a} {%role} with plans of {herhis} own.
{costar} turns up as {other}, the {%role} who knows more than anyone suspects.
along the way {hero} meets {other} ({costar}), {a} {%role} from {%place}.
then there is {other} ({costar}), {a} {%role} with a grudge.
{costar} is {other}, {a} {%role} and an old friend of the family.
{hero}'s only ally is {other} ({costar}), {a} {%role} nobody else will talk to.
the part of {other}, {a} {%role} down on {herhis} luck, went to {costar}.
{other}, played by {costar}, used to be {a} {%role} and has never forgotten it.
= plot.turn
{%turn}
{%turn}
{%turn}
meanwhile, {%event}.
before long {%event}.
halfway through, {%event}.
{%turn}
{%turn}
{hero}'s {kin}, once {a} {%role}, wants no part of it.
years earlier {hero} lost {a} {kin} in {%place}, and the past will not stay buried.
the action then moves to {%place}, where {hero} spends {months} in hiding.
all of this happens over {months}, and most of it in {%place}.
by the time {hero} finds out, {%event}.
as if that were not enough, {%event}.
{other} claims to be {a} {%role}, which {hero} does not believe for a second.
{hero} asks {a} {%role} for help and gets more than {he} bargained for.
from there the trail leads to {%place}, and to {hero}'s long lost {kin}.
{other} and {hero} met {number} years ago in {%place}, as a flashback explains.

= western.kind
western
= western.kinds
westerns
= western.role
sheriff | bounty hunter | gunslinger | cattle rancher | stagecoach driver | deputy | saloon keeper
horse thief | retired marshal | gold prospector | railroad surveyor | traveling preacher
= western.place
a dusty frontier town | the Arizona desert | a silver mining camp | a homestead on the Wyoming plains
a canyon near the Mexican border | a valley of lonely cattle ranches | a half-built railroad town
= western.trouble
wants to hang up {his} pistols for good | is hired to protect a wagon train
comes home to find the family ranch burned down | has sworn revenge on the Barlow gang
escorts a dangerous prisoner to the gallows | rides into town with a stolen saddle
refuses to sell {his} land to the railroad | wins a worthless mine at poker
= western.event
a stranger rides in with a bullet in his shoulder | the bank is robbed in broad daylight
the railroad company sends its hired guns | gold is found beneath the church
a posse sets out across the badlands | the only well in the valley runs dry
the sheriff is shot in the back | an old outlaw is released from prison
= western.turn
a shootout at the corral settles an old debt.
the townspeople lock their doors and leave {hero} to face the gang alone.
the cattle baron {other} buys the judge, the jury and most of the whiskey.
there is a long ride through a sandstorm, two ambushes and a hanging.
an Apache scout leads {hero} through the mountains to a hidden camp.
it ends, as these stories must, with two riders facing each other at noon.
the widow who owns the hotel hides {hero} from the bad guys in her cellar.

= horror.kind
horror film | ghost story
= horror.kinds
horror films | ghost stories
= horror.role
babysitter | grieving parent | medium | night nurse | skeptical professor | gravedigger | novelist
college student | priest | museum curator | caretaker
= horror.place
an abandoned asylum | a crumbling mansion | a cabin in the woods | a village with a terrible secret
an isolated boarding school | the basement of an old hospital | a fog-bound fishing village
= horror.trouble
inherits a house with a locked attic | hears voices behind the wallpaper
spends the night in a morgue for a bet | starts to dream about a drowned child
buys an antique doll at a flea market | agrees to look after a sick old woman
digs up a sealed coffin | has not slept since the funeral
= horror.event
the lights go out all over the house | a group of teenagers reads aloud from a forbidden book
the neighbors begin to disappear one by one | a bloodstained diary is found under the floor
the statue in the chapel opens its eyes | something starts scratching inside the walls
a storm cuts off the only road | the family dog refuses to enter the nursery
= horror.turn
nobody believes {hero}, least of all the police.
the demon, it turns out, was summoned by {hero}'s own {kin}.
the monster stays in the dark until the last reel.
a seance goes wrong, a mirror cracks, and {other} is never quite the same again.
one by one the guests are found dead, each with a coin beneath the tongue.
an exorcist arrives with holy water, an awful cough and a terrible past.
there is a chase through a cornfield and a scene with a meat hook that made people scream.

= thriller.kind
thriller | spy thriller
= thriller.kinds
thrillers
= thriller.role
journalist | former spy | code breaker | defense attorney | airline pilot | translator | bodyguard
police psychologist | insurance investigator | diplomat | surgeon
= thriller.place
wartime Lisbon | a luxury hotel in Geneva | an embassy under siege | downtown Chicago
the dining car of a night train to Vienna | an underground parking garage | a remote listening station
= thriller.trouble
wakes up next to a corpse | receives a tape {he} was never meant to hear
is accused of selling secrets to the enemy | has two days to clear {his} name
witnesses a murder through a hotel window | is blackmailed by an anonymous caller
discovers that {his} new neighbor does not exist | plans the perfect murder
= thriller.event
a senator is assassinated on live television | a briefcase goes missing at the airport
the only witness changes her testimony | a bomb is planted beneath the courthouse
the agency decides that nobody can be trusted | a dead man's telephone starts ringing
the kidnappers double the ransom | a double agent crosses the border
= thriller.turn
everyone has an alibi, and every alibi is a lie.
the conspiracy reaches all the way to the minister's office.
{hero} is chased across the rooftops by a killer with a limp.
the microfilm was hidden inside the violin all along.
somebody in the department is leaking information to {other}.
{hero} must trust {other}, the one person who has every reason to lie.
a bad decision in an elevator costs two people their lives.

= comedy.kind
comedy | romantic comedy
= comedy.kinds
comedies
= comedy.role
wedding planner | failed magician | substitute teacher | pastry chef | used car salesman | dog walker
unemployed clown | spoiled rich kid | butler | game show host | tax inspector
= comedy.place
a run-down holiday camp | a bankrupt pizzeria | the kitchen of a cruise ship | the suburbs of Cleveland
a retirement home in Florida | a department store at Christmas | a very small airport
= comedy.trouble
pretends to be a doctor to impress {his} in-laws | accidentally gets engaged to two people
loses a winning lottery ticket | has to share an apartment with {his} former boss
enters a cooking contest without knowing how to boil an egg | is mistaken for a famous opera singer
tries to return a stolen parrot | bets {his} savings on a greyhound with three good legs
= comedy.event
the groom vanishes on the morning of the wedding | an elephant escapes from the circus
the twins switch places at school | the mother-in-law moves in with four poodles
somebody puts laughing gas in the punch | the mayor gets stuck in the chimney
the wrong suitcase ends up in the honeymoon suite | the boss comes to dinner a day early
= comedy.turn
there is a food fight, a runaway bus and a great many slammed doors.
{hero} hides in a closet, which is where {other} is already hiding.
the wedding cake does not survive, and neither does the piano.
everybody lies to everybody, and the lies pile up until the fire brigade arrives.
disguised as a nun, {hero} boards a plane to Acapulco.
{other} mistakes the ambassador for a plumber and hands him a wrench.
it all leads to a happy reunion in a courtroom full of chickens.

= romance.kind
love story | romance
= romance.kinds
love stories | romances
= romance.role
concert pianist | florist | lonely librarian | architect | ballet dancer | letter carrier | bookseller
shy schoolteacher | young aristocrat | gardener | photographer
= romance.place
a seaside town in {country} | Paris between the wars | a vineyard in Tuscany | a small Vermont college
an old bookshop | the ballroom of a fading hotel | a beautiful harbor on the coast of {country}
= romance.trouble
falls in love with someone who is about to emigrate | keeps writing letters to a dead soldier
has promised to marry somebody else | returns to the village after a bitter divorce
rents a room to a perfect stranger | still waits for the love of {his} life
misses the last train home | hides a broken heart behind good manners
= romance.event
a letter arrives thirty years too late | a snowstorm strands all the travelers at the inn
the engagement is announced in the newspaper | an old sweetheart steps off the ferry
war separates the young couple | two strangers dance together by mistake at a masked ball
the doctor gives {hero} only a year to live | a jealous rival reads the diary
= romance.turn
they agree to meet again in exactly one year, on the same bridge.
{other} loves {hero}, of course, but is too proud to say so.
there are quarrels, reconciliations and a kiss in the pouring rain.
the families disapprove, and the wedding is called off.
{hero} follows {other} to the station, too late by a minute.
nothing is said, yet the two of them know that the summer is over.
a misunderstanding about a bracelet keeps them apart for years.

= scifi.kind
science fiction film | space adventure
= scifi.kinds
science fiction films | space adventures
= scifi.role
starship captain | robot engineer | astronaut | geneticist | smuggler | colony doctor | android
time traveler | astronomer | salvage pilot | cadet
= scifi.place
a mining station near Jupiter | a domed city on Mars | a laboratory under the Antarctic ice
a city on a ruined planet | an orbiting prison | a city in which nobody grows old | the hold of the last spaceship to leave Earth
= scifi.trouble
awakens from hypersleep eighty years too early | intercepts a signal from a dead galaxy
builds a machine that can erase memories | carries an alien parasite without knowing it
is the sole survivor of a failed expedition | travels back to prevent {his} own birth
teaches a robot how to dream | steals an experimental reactor
= scifi.event
a meteor shower destroys the oxygen supply | the ship's computer begins to disobey orders
an alien vessel appears above the capital | the clones learn what they were made for
the colony loses contact with Earth | a wormhole opens inside the cargo hold
gravity fails on the lower decks | the great machine at the core wakes up
= scifi.turn
the crew votes to turn back, but the engines no longer answer.
the aliens do not want to fight; they want to trade.
{other} turns out to be a copy of a copy.
there are laser battles, escape pods and a planet made of glass.
every jump through time makes the paradox worse.
a virus spreads from deck to deck while {hero} looks for the antidote.
the robots have built a god of their own and will not share it.

= war.kind
war film | war drama
= war.kinds
war films | war dramas
= war.role
young lieutenant | army medic | tank commander | deserter | resistance courier | submarine captain
war correspondent | sniper | field nurse | prisoner of war | bomber pilot
= war.place
the trenches of northern France | a besieged fortress | occupied Warsaw | a camp beside a jungle airstrip
a prison camp in the mountains | the engine room of a sinking destroyer | a bombed-out monastery
= war.trouble
is ordered to hold a bridge at any cost | carries a message through enemy lines
has to choose between duty and {his} {kin} | hides refugees in the hospital attic
leads a platoon of terrified recruits | refuses to fire on civilians
is sent behind the lines to blow up a dam | writes the letters home that nobody else can bear to write
= war.event
the ceasefire collapses on Christmas Eve | the convoy is torpedoed in the fog
the general orders one more attack | a village is caught between the two armies
the radio falls silent | the worst storm in forty years scatters the fleet
an enemy pilot parachutes into the lake | the ammunition runs out
= war.turn
the battle for the hill takes up most of the second half.
a great many brave men die for a few yards of mud.
{other} loses an arm, then {herhis} faith, then {herhis} temper.
the prisoners dig a tunnel with spoons and bed slats.
back at home, {hero}'s {kin} waits for a telegram.
the colonel gets a medal; the soldiers get a funeral.
a truce is declared for an hour so that both sides may bury their dead.

= crime.kind
crime drama | gangster film | heist film
= crime.kinds
crime dramas | gangster films
= crime.role
safecracker | detective | getaway driver | pickpocket | mob accountant | prison warden | forger
corrupt cop | nightclub singer | boxer | jewel thief
= crime.place
the harbor district of Marseille | a smoky nightclub | Brooklyn in the {decade} | a casino in Nevada
a maximum security prison | the back room of a barber shop | a decaying steel town
= crime.trouble
plans one last job before retiring | owes a fortune to the wrong people
goes undercover in the Moretti family | finds a bag of money in a burned-out car
takes the blame for {his} {kin} | runs a card game above a funeral parlor
is told to throw the big fight | investigates a string of poisonings
= crime.event
the diamonds turn out to be fake | an informer is pulled out of the harbor
the vault is opened a day too early | the don is gunned down outside a bakery
a rookie finds the murder weapon | the getaway car will not start
someone in the gang talks to the police | the judge accepts an envelope
= crime.turn
the heist itself takes place in near silence.
{other} wants a bigger share and has a gun to prove it.
loyalties shift, old scores are settled, and the cops close in.
{hero} burns the ledger and takes the first bus to {country}.
nobody in this story is innocent, not even the altar boy.
the interrogation lasts all night and ends with a confession.
a brutal killing in a car wash starts a gang war.

= fantasy.kind
fantasy | family adventure
= fantasy.kinds
fantasies | family films
= fantasy.role
orphan | young wizard | blacksmith's apprentice | exiled monarch | dragon tamer | court jester
runaway royal | toymaker | talking badger | witch | goatherd
= fantasy.place
an enchanted forest | a castle above the clouds | a kingdom ruled by a wicked queen
a town where it always rains | a secret library beneath the sea | a magical toy shop
= fantasy.trouble
finds a map inside a hollow tree | can speak to animals but not to people
must bring back the stolen crown | breaks a spell that should have been left alone
befriends a dragon that is afraid of fire | is chosen by an enchanted sword against {his} will
sets out to find {his} missing {kin} | opens a door at the back of the pantry
= fantasy.event
the wicked queen turns the river to stone | a curse falls on the village
the moon is stolen from the sky | an army of goblins crosses the border
the unicorns leave the forest | a prophecy is discovered on an old tapestry
the giant wakes up hungry | the magic begins to fade
= fantasy.turn
three riddles stand between {hero} and the treasure.
a talking raven offers advice, most of it bad.
there is a tournament, a flying ship and a feast that lasts a week.
the wizard {other} has been dead for a century but remains very chatty.
the children hide in a windmill while the trolls search the barn.
the ring is thrown into the well, and spring returns to the valley.
only an act of kindness can break the wicked spell.

= drama.kind
family drama | drama
= drama.kinds
family dramas | dramas
= drama.role
retired judge | trawler skipper | single parent | country doctor | alcoholic poet | factory worker
violin teacher | farmer | retired teacher | union organizer | immigrant tailor
= drama.place
a declining mill town | a farmhouse in rural {country} | a crowded tenement in the {decade}
a lighthouse on the northern coast | an overheated city apartment | a hospice by the lake
= drama.trouble
has not spoken to {his} {kin} for a decade | is losing {his} memory and will not admit it
comes back for a funeral and stays | fights the bank that wants to take the farm
raises {number} children on a night watchman's wages | is slowly going blind
adopts a boy who refuses to talk | confesses to a crime {he} did not commit
= drama.event
the factory closes its gates | the will is read and nobody gets what they expected
an unknown half-brother knocks at the door | the youngest child falls seriously ill
the harvest fails for the third year | an old photograph comes to light
the strike turns violent | a car accident tears the family apart
= drama.turn
over dinner, an ugly truth comes out and plates are broken.
{hero} sells the piano to pay for the operation.
the siblings divide up the furniture and reopen every old wound.
{other} drinks, gambles and apologizes, in that order.
a great deal happens in the kitchen, very little of it in words.
the last third jumps ahead by ten years.
in the end {hero} rows out onto the lake and scatters the ashes.

= neutral
I watched it on a {weekday} evening with my {companion}.
I saw it at a festival in {country}, with subtitles.
it was shot in {country} in {weeks}, apparently on a small budget.
it is based on a novel that I have not read.
my {companion} had picked it, so I knew nothing about it.
the director, {director}, started out in television commercials.
{director} also made {title2}, which had much the same crew.
it runs for a little over {hours}.
{costar} appeared with {lead} once before, in {title2}.
the screenplay is credited to {number} different writers.
I taped it off late night television back in the {decade.late}.
it came out in the same year as {title2}.
{lead} was a stage actor before this and later went into politics.
this was filmed twice before, the first time as a silent picture in the twenties.
the theater was about half full when we went.
the DVD has a commentary track by {director} and a handful of deleted scenes.
like most {genres} of its period, it was made quickly and in black and white.
if you have seen {title2}, you already know the general outline.
there is a short scene after the credits.
the audience that night was mostly students and pensioners.
I should say that I grew up on {genres} and have seen hundreds of them.
I will try not to give away how it ends.
it was released overseas under another name.
the version I rented was dubbed, so I can only judge what I heard.
the {film} is divided into {number} chapters, each with its own title card.
)";

}  // namespace adjoint::datasets
