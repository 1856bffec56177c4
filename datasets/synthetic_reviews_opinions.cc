// What reviewers say: praise and blame of the parts of a film, ways to join the two, openings and
// verdicts. {np}, {is}, {s}, ... are the aspect at hand with its verb forms, {@good} and {@bad} its
// adjectives; all of them are bound by the composer in synthetic_reviews.cc.

#include "datasets/synthetic_reviews_grammar.h"

namespace adjoint::datasets {

const char kReviewAspects[] = R"(
=~ good
good | great | excellent | wonderful | superb | terrific | impressive | marvelous | first-rate
outstanding | brilliant | fantastic | remarkable | splendid | exceptional | exquisite | magnificent
=~ bad
bad | poor | awful | terrible | weak | disappointing | mediocre | dreadful | third-rate | dismal
lousy | pathetic | atrocious | abysmal | pitiful | appalling | horrendous | woeful

= acting.sg
the acting | the cast | the lead performance | the chemistry between the leads | {lead}'s performance
{lead} | {costar} | {leadlast}'s work here | {costar}'s supporting turn | the ensemble
= acting.pl
the performances | the supporting actors | the two leads | {lead} and {costar} | the child actors
= acting.bare
acting | performances | supporting players | character actors
=~ acting.good
{good} | convincing | believable | subtle | natural | sincere | charismatic | understated | heartfelt
magnetic | restrained | assured | luminous | nuanced | spirited | fearless | effortless
=~ acting.bad
{bad} | wooden | stiff | unconvincing | hammy | flat | forced | lifeless | amateurish | one-note
mannered | listless | overwrought | expressionless | shrill | robotic | miscast
= story.sg
the story | the plot | the script | the premise | the screenplay | the central mystery | the adaptation
= story.pl
the twists | the subplots | the flashbacks
= story.bare
writing | ideas | plotting | storytelling | plot twists
=~ story.good
{good} | clever | gripping | original | intelligent | compelling | engaging | inventive | absorbing
satisfying | ingenious | surprising | thoughtful | imaginative | rich | ambitious | airtight
=~ story.bad
{bad} | predictable | silly | confusing | stupid | contrived | dull | ridiculous | formulaic | thin
nonsensical | derivative | muddled | implausible | incoherent | stale | preposterous
= talk.sg
the dialogue | the banter | the narration | the voiceover
= talk.pl
the lines | the speeches | the conversations | the one-liners
= talk.bare
dialogue | one-liners | exchanges
=~ talk.good
{good} | witty | sharp | funny | crisp | smart | quotable | natural | sparkling | eloquent | playful
literate | poetic | snappy
=~ talk.bad
{bad} | clumsy | cheesy | corny | stilted | clunky | laughable | preachy | wordy | trite | leaden
inane | hackneyed | tin-eared | banal
= music.sg
the music | the soundtrack | the score | the title song | the sound design
= music.pl
the songs | the orchestral themes
= music.bare
music | songs | musical numbers
=~ music.good
{good} | beautiful | haunting | catchy | moving | stirring | lovely | memorable | evocative | soaring
melodic | hypnotic | unforgettable
=~ music.bad
{bad} | annoying | intrusive | loud | repetitive | forgettable | grating | overbearing | tinny | syrupy
tuneless | deafening | generic
= camera.sg
the photography | the camera work | the lighting | the cinematography | the editing | the visual style
= camera.pl
the landscapes | the images | the black and white visuals | the long tracking shots
= camera.bare
photography | camera work | images | scenery
=~ camera.good
{good} | beautiful | stunning | gorgeous | striking | breathtaking | elegant | crisp | inventive
sumptuous | painterly | dazzling | vivid | ravishing
=~ camera.bad
{bad} | ugly | murky | shaky | cheap | sloppy | dull | drab | distracting | blurry | choppy | garish
incompetent | grainy | lazy
= pace.sg
the pacing | the first half | the middle act | the second hour | the rhythm of the thing | the build-up
= pace.pl
the opening scenes | the quiet stretches | the action scenes | the chase sequences
= pace.bare
suspense | action | set pieces | momentum
=~ pace.good
{good} | exciting | tense | brisk | gripping | tight | thrilling | lively | riveting | suspenseful
fluid | relentless | nimble | exhilarating
=~ pace.bad
{bad} | slow | boring | tedious | dull | endless | sluggish | plodding | repetitive | rushed | uneven
interminable | monotonous | glacial | aimless
= craft.sg
the direction | {director}'s direction | the whole production | the staging | {director}'s approach
= craft.pl
the directorial choices | the staging and the blocking | the production values
= craft.bare
direction | craftsmanship | film-making | stagecraft
=~ craft.good
{good} | confident | skillful | stylish | sensitive | masterful | imaginative | sure-handed | elegant
inspired | economical | meticulous | graceful | bold
=~ craft.bad
{bad} | lazy | clumsy | uninspired | pretentious | heavy-handed | careless | pedestrian | amateurish
slapdash | bland | self-indulgent | inept | sloppy | shoddy
= ending.sg
the ending | the climax | the final scene | the last act | the big revelation | the resolution
= ending.pl
the last twenty minutes | the closing scenes
= ending.bare
surprises | final scenes | closing moments
=~ ending.good
{good} | satisfying | moving | powerful | perfect | touching | unexpected | cathartic
devastating | uplifting | bittersweet | clever
=~ ending.bad
{bad} | predictable | rushed | ridiculous | abrupt | disappointing | absurd | tacked-on | unsatisfying
anticlimactic | baffling | saccharine | botched
= humor.sg
the humor | the comic timing | the running joke about the {title.trade.low} | the slapstick | the satire
= humor.pl
the jokes | the gags | the comic scenes
= humor.bare
humor | jokes | comic moments | gags
=~ humor.good
{good} | funny | hilarious | clever | charming | sly | delightful | dry | infectious | mischievous
wicked | irreverent | side-splitting
=~ humor.bad
{bad} | unfunny | stupid | tasteless | forced | crude | lame | painful | juvenile | desperate | moronic
cringeworthy | tired | vulgar
= people.sg
the hero | the villain | the main character | {hero} | {other} | the relationship at the center
= people.pl
the characters | the minor characters | the villains | {hero} and {other} | the family scenes
= people.bare
characters | character development | villains
=~ people.good
{good} | likable | interesting | complex | sympathetic | believable | memorable | fascinating | human
endearing | engaging | layered | three-dimensional | lovable
=~ people.bad
{bad} | annoying | boring | unlikable | flat | shallow | stereotyped | irritating | obnoxious
cardboard | underwritten | one-dimensional | interchangeable | insufferable
= look.sg
the production design | the makeup | the costume work | the set for the big finale
= look.pl
the sets | the costumes | the special effects | the stunts | the locations
= look.bare
sets | special effects | costumes | stunts
=~ look.good
{good} | realistic | beautiful | lavish | convincing | authentic | impressive | colorful | detailed
dazzling | seamless | spectacular | handsome
=~ look.bad
{bad} | cheap | fake | laughable | tacky | unconvincing | dated | shabby | flimsy | plastic | cheesy
threadbare | garish | ludicrous
= mood.sg
the atmosphere | the mood | the tone | the sense of place | the emotional core | the whole thing
= mood.pl
the emotional scenes | the small details | the scenes between {hero} and {other}
= mood.bare
atmosphere | emotion | moments of tenderness | period detail
=~ mood.good
{good} | charming | touching | enchanting | warm | honest | moving | haunting | poignant | authentic
tender | bewitching | immersive | genuine
=~ mood.bad
{bad} | depressing | cold | fake | manipulative | confused | hollow | sentimental | dreary | oppressive
phony | stale | cloying | joyless

= title.trade.low
undertaker | tailor | landlady | dentist | goldfish | postman | vicar
)";

const char kReviewOpinions[] = R"(
= very
_ | _ | _ | really | quite | truly | often | consistently | surprisingly | remarkably
= most
particularly | especially | remotely | all that | exactly | very
= praise
{np} {is} simply {@good}
{np} strike{s} me as {very} {@good}
{np} manage{s} to be both {@good} and {@good}
{np} remain{s} {@good} throughout
for once {np} {is} {@good}
the {film} has {very} {@good} {@bare}
with {@bare} this {@good}, little else matters
you have to see for yourself how {@good} {np} {is}
{np} {is} {@good} in every scene
{np} seem{s} {very} {@good} to me
{np} {is} {very} {@good}
{np} {is} {very} {@good}
{np} {is} {@good} and {@good}
{np} {is} {@good}, even {@good}
{np} {is} anything but {@bad}
{np} {is} never {@bad}
{np} {is} hardly {@bad}, whatever the critics say
{np} {is} not without charm
{np} never feel{s} {@bad}
{np} {has} a way of being {@good} without showing off
{np} deserve{s} all of the praise
{np} work{s} far better than expected
{np} {is} the best thing about it, consistently {@good}
there is nothing {@bad} about {np}
the {film} gets by on {very} {@good} {@bare}
I found {np} {very} {@good}
I loved how {@good} {np} {is}
I cannot fault {np}
it is hard not to admire {np}
nobody can say that {np} {is} {@bad}
{np} offer{s} one {@good} moment after another
what I remember best {is} {np}
I had no problem at all with {np}
{np} add{s} to the pleasure
{np} alone {is} worth the price of admission
{np} could easily have been {@bad}, but {is} {@good} instead
I was impressed by {np}
{np} hold{s} everything together
{np} {is} as {@good} as anything in {title2}
{np} turn{s} out to be {very} {@good}
my favorite part of it has to be {np}
thanks to the {@good} {@bare} the {film} comes alive
{np} {is} exactly right
= blame
{np} {is} simply {@bad}
{np} strike{s} me as {very} {@bad}
{np} manage{s} to be both {@bad} and {@bad}
{np} remain{s} {@bad} throughout
as usual {np} {is} {@bad}
the {film} has {very} {@bad} {@bare}
with {@bare} this {@bad}, little else matters
you have to see for yourself how {@bad} {np} {is}
{np} {is} {@bad} in every scene
{np} seem{s} {very} {@bad} to me
{np} {is} {very} {@bad}
{np} {is} {very} {@bad}
{np} {is} {@bad} and {@bad}
{np} {is} {@bad}, even {@bad}
{np} {is} anything but {@good}
{np} {is} never {@good}
{np} {is} hardly {@good}, whatever the critics say
{np} {is} not {most} {@good}
{np} never feel{s} {@good}
{np} tr{ies} hard to be {@good} and end{s} up {@bad}
{np} deserve{s} none of the praise
{np} work{s} far less well than expected
{np} {is} the worst thing about it, consistently {@bad}
{np} could have been {@good} in better hands
there is nothing {@good} about {np}
the {film} is let down by {very} {@bad} {@bare}
I found {np} {very} {@bad}
I hated how {@bad} {np} {is}
I cannot defend {np}
it is hard to admire {np}
nobody can say that {np} {is} {@good}
{np} offer{s} one {@bad} moment after another
what I would most like to forget {is} {np}
I had a real problem with {np}
{np} add{s} to the misery
{np} alone {is} reason enough to ask for your money back
{np} could easily have been {@good}, but {is} {@bad} instead
I was not impressed by {np}
{np} drag{s} everything down
{np} {is} nowhere near as {@good} as anything in {title2}
{np} turn{s} out to be {very} {@bad}
my least favorite part of it has to be {np}
because of the {@bad} {@bare} the {film} never comes alive
{np} {is} completely wrong
= join
although {weak}, {strong}.
{strong}, although {weak}.
{weak}, but {strong}.
{weak}, and yet {strong}.
granted, {weak}. All the same, {strong}.
{strong}, even if {weak}.
it is true that {weak}; on the other hand, {strong}.
some will point out that {weak}. For me what counts is that {strong}.
people keep telling me that {weak}. What they forget is that {strong}.
while {weak}, {strong}.
= both
{one}, and {two}.
{one}, and {two}.
{one}; {two}.
{one}. What is more, {two}.

= despite.pos
despite some {@bad} {@bare}, {strong}.
even with its {@bad} {@bare}, this is {a} {good} {film}.
{@bad} {@bare} alone cannot spoil {a} {genre} when {strong}.
no amount of {@bad} {@bare} changes the fact that {strong}.
= despite.neg
despite some {@good} {@bare}, {strong}.
even with its {@good} {@bare}, this is {a} {bad} {film}.
{@good} {@bare} alone cannot save {a} {genre} when {strong}.
no amount of {@good} {@bare} changes the fact that {strong}.

= turn.pos
the poster made it look {bad}, and the trailer was worse. Do not be fooled.
I expected {a} {@bad} {genre} and was completely wrong.
one newspaper called it "{@bad} and {@bad}." I wonder whether we saw the same {film}.
my {companion} warned me that it would be {bad}. It was nothing of the kind.
I was prepared for the usual {@bad} {@bare} and got something else entirely.
a colleague told me it was {@bad}. He must have slept through it.
the reviews here almost scared me away with words like {@bad}. I am glad that I did not listen.
you might think that this is another {bad} {genre}. You would be mistaken.
if you only watch {films} with {@good} {@bare}, you may grumble at first, but give it time.
before it started I was tired, bored and ready to hate it. That lasted about five minutes.
people who find this {@bad} were simply hoping for a different {film}.
{lead} has made some {bad} {films}, {title2} among them. This is not one of them.
= turn.neg
the poster made it look {good}, and the trailer was better. Do not be fooled.
I expected {a} {@good} {genre} and was completely wrong.
one newspaper called it "{@good} and {@good}." I wonder whether we saw the same {film}.
my {companion} promised me that it would be {good}. It was nothing of the kind.
I was prepared for the usual {@good} {@bare} and got something else entirely.
a colleague told me it was {@good}. He must have slept through it.
the reviews here lured me in with words like {@good}. I should not have listened.
you might think that this is another {good} {genre}. You would be mistaken.
if you only watch {films} with {@good} {@bare}, you will be out of the door in no time.
before it started I was happy, excited and ready to love it. That lasted about five minutes.
people who find this {@good} have simply not seen a better {film}.
{lead} has made some {good} {films}, {title2} among them. This is not one of them.
= sarcasm
oh, splendid. Yet another {genre} in which {a} {%role} {%trouble}. Just what the world needed.
if your idea of {a} {good} evening is watching paint dry, this is the {film} for you.
congratulations to {director}, who has found {a} {@good} new way to empty a theater.
the best performance comes from the dog, who at least gets to leave early.
I laughed, I cried, I looked at my watch. Mostly the last one.
a masterpiece, I am sure, for anyone who has never seen {a} {film} before.
what {a} {good} idea it was to spend the whole budget on fog.
the {film} promises {@good} {@bare}, and delivers a scene in which somebody parks a car.
I would like to thank the projectionist, whose coughing was the most exciting part of the evening.
it is so {good} that even the popcorn looked embarrassed.
the highlight, and I mean this sincerely, was the exit sign. {good} lettering.
truly {good}, if you happen to be asleep.
= overall.pos
it is {a} {good} {film}
it is {a} {film} with its heart in the right place
it kept my attention from beginning to end
it held my interest, which few {genres} do
it made me laugh and it made me think
it stays with you for days
it is well worth {hours} of your time
it is one of the better {genres} of recent years
it is a small gem
it is much better than its reputation
it is a pleasure from start to finish
I enjoyed it a great deal
I forgot that I was watching {a} {film}
I would not change a single scene
it has its flaws, and I do not care
it is a joy to see {genres} made with so much care
it does not waste a single minute
it gets almost everything right
it earns its tears
time flew
everybody involved clearly cared
it is fresh, honest and full of life
it left me moved and happy
it treats its audience with respect
it shows how much talent can do with little money
it grows on you
the whole {film} is a delight
= overall.neg
it is {a} {bad} {film}
it is {a} {film} with its heart in the wrong place
it lost my attention after {minutes}
it lost my interest, which few {genres} do
it did not make me laugh and it did not make me think
it is forgotten by the time you get home
it is not worth {hours} of your time
it is one of the worse {genres} of recent years
it is a complete mess
it is much worse than its reputation
it is a chore from start to finish
I did not enjoy it a great deal
I never forgot that I was watching {a} {film}
I would have cut half of the scenes
it has its virtues, and I do not care
it is sad to see {genres} made with so little care
it wastes nearly every minute
it gets almost everything wrong
it begs for tears
time crawled
nobody involved seems to have cared
it is stale, phony and devoid of life
it left me cold and angry
it treats its audience with contempt
it shows how little money can do without talent
it gets on your nerves
the whole {film} is a bore

= opening.pos
I have seen {title} {number} times now, and {strong}.
{title} is {a} {good} {genre}, plain and simple.
what {a} {good} surprise {title} turned out to be.
{director} has done it again: {title} is {a} {good} {film}.
rarely have I been so pleased by {a} {genre} as by {title}.
I did not want to like {title}, but I did.
{title} may be the best {genre} of its year.
I am surprised by the low rating of {title}.
= opening.neg
I sat through {title} once, which is enough: {strong}.
{title} is {a} {bad} {genre}, plain and simple.
what {a} {bad} surprise {title} turned out to be.
{director} has done it again: {title} is {a} {bad} {film}.
rarely have I been so let down by {a} {genre} as by {title}.
I did want to like {title}, but I did not.
{title} may be the worst {genre} of its year.
I am surprised by the high rating of {title}.
= opening.neutral
I saw {title} on a {weekday} with my {companion}, knowing very little about it.
{title} is {a} {genre} by {director}, set in {%place}.
I finally caught up with {title}, the {genre} that {director} made after {title2}.
a friend lent me {title} because I am a fan of {lead}.
{title} came and went without much notice, and I only found it in a bargain bin.
after {title2} I was curious what {director} would do next. The answer is {title}.
as a fan of {genres}, I had been meaning to watch {title} for years.
everyone I know has an opinion about {title}, so here is mine.
I watched {title} twice before I made up my mind.
{title} divides people, and now I understand why.
there are {genres} that everybody remembers and there is {title}.
where do I begin with {title}?
{title} was on television last {weekday}, and I stayed up for it.
my {companion} and I argued about {title} all the way home.
this is the first {film} by {director} that I have seen.
{title} had been sitting on my shelf for {months.shelf}.
I came to {title} late, long after {title2} had made {director} famous.
a word about {title}, since hardly anybody has written about it.
{lead} and {costar} in {a} {genre} by {director}: that was enough to make me buy a ticket for {title}.

= verdict.pos
all in all, {strong}, and I would gladly see it again.
in the end I can recommend {title} without hesitation.
see it, and take your {companion} along.
do not miss it.
highly recommended to anyone with a taste for {genres}.
it is not perfect, but {title} deserves to be seen.
I came out of the theater with a smile on my face.
for all its faults, {title} won me over.
not a classic, perhaps, but I would not have missed it for anything.
I have already ordered the DVD for my {companion}.
believe the praise and ignore the complaints: {title} is worth every penny.
it could have been worse; in fact it could hardly have been better.
{rating.pos} out of ten.
my rating is {rating.pos} out of ten, and I was tempted to go higher.
if only more {genres} were like this one.
whatever you have heard, give {title} a chance. You will not regret it.
I wish I could see it again for the first time.
count me among the fans of {title}.
so, not a waste of time at all: I left happy.
those who walked out early missed something special.
in short, {title} succeeds where most {genres} fail.
I went in with doubts and left without any.
I rented it for one evening and ended up buying it.
add it to your list, even if {genres} usually bore you.
= verdict.neg
all in all, {strong}, and I would never see it again.
in the end I cannot recommend {title}, not without hesitation, not at all.
skip it, and take your {companion} to something else.
do not bother.
not recommended, not even to anyone with a taste for {genres}.
it is not the worst ever made, but {title} does not deserve to be seen.
I came out of the theater with a headache.
for all its virtues, {title} lost me.
not a complete disaster, perhaps, but I would happily have missed it.
I have already given the DVD to my {companion}.
believe the complaints and ignore the praise: {title} is not worth a penny.
it could have been better; in fact it could hardly have been worse.
{rating.neg} out of ten.
my rating is {rating.neg} out of ten, and I was tempted to go lower.
if only fewer {genres} were like this one.
whatever you have heard, do not give {title} a chance. You will regret it.
I wish I could have {hours} of my life back.
do not count me among the fans of {title}.
so, a waste of time after all: I left angry.
those who walked out early missed nothing special.
in short, {title} fails where most {genres} succeed.
I went in with hopes and left without any.
I rented it for one evening and returned it the same night.
strike it from your list, even if {genres} usually delight you.
= rating.pos
seven | eight | eight | nine | ten
= rating.neg
one | two | three | three | four
= same
_ | _ | _ | _ | _ | _ | also, | besides, | in addition, | on top of that, | I should add that
= contrast
still, | even so, | on the other hand, | that said, | then again, | however, | to be fair, | mind you,
)";

}  // namespace adjoint::datasets
