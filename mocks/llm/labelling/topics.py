"""World knowledge about label names: which nouns anybody would connect with which label.

A language model that is told nothing but the labels still guesses that an invoice has to do with
"billing". Generated classification tasks take some of their cues from here, so that such a guess
helps as much as the task says, and no more.
"""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """A field of texts with its usual labels."""

    name: str
    manner: str
    """What its texts look like: ticket, review, message or abstract."""
    labels: dict[str, tuple[str, ...]]


def _topic(name: str, manner: str, lines: str) -> Topic:
    labels = {}
    for line in lines.strip().splitlines():
        label, _, words = line.partition(":")
        labels[label.strip()] = tuple(words.split())
    return Topic(name, manner, labels)


TOPICS = (
    _topic("customer support", "ticket", """
        billing: invoice refund surcharge receipt overcharge payment
        shipping: parcel courier tracking depot postage delivery
        account: password username login profile verification signup
        technical: crash firmware bug freeze driver reboot
        returns: exchange restocking swap replacement resend takeback
        cancellation: termination opt-out withdrawal unsubscription discontinuation expiry
        warranty: guarantee repair defect coverage serial inspection
        sales: quote discount catalogue voucher bundle upgrade
        privacy: consent erasure cookie disclosure leak anonymity
        other: weather greeting chitchat riddle anecdote trivia
    """),
    _topic("film reviews", "review", """
        positive: masterpiece delight triumph charm brilliance gem
        negative: disaster boredom mess cliche letdown drivel
        neutral: runtime subtitle screening rental sequel adaptation
        mixed: unevenness compromise tradeoff ambivalence inconsistency quibble
    """),
    _topic("feelings in messages", "message", """
        joy: laughter celebration cheer bliss giggle sunshine
        anger: rage outrage insult fury grudge tantrum
        sadness: grief tears funeral heartbreak loneliness sorrow
        fear: panic nightmare dread terror phobia menace
        surprise: shock twist jackpot astonishment bombshell revelation
        disgust: stench mould vomit slime filth nausea
        love: kiss cuddle romance darling sweetheart valentine
    """),
    _topic("news", "abstract", """
        sports: goalkeeper tournament referee league marathon stadium
        politics: senate ballot coalition minister parliament veto
        business: merger dividend shareholder bankruptcy takeover profit
        science: telescope molecule fossil experiment particle genome
        health: vaccine clinic epidemic surgeon diagnosis hospital
        culture: museum orchestra novelist gallery sculpture premiere
        travel: airline visa itinerary resort passport luggage
        crime: burglary detective robbery suspect arson verdict
        environment: glacier emission drought wetland recycling biodiversity
        education: curriculum tuition classroom professor scholarship exam
    """),
    _topic("unwanted mail", "message", """
        spam: lottery jackpot casino pills giveaway clickbait
        ham: meeting agenda minutes rota errand lunch
        phishing: impostor spoof credential hijack lure fraud
        newsletter: digest bulletin roundup subscription editorial column
    """),
    _topic("research papers", "abstract", """
        biology: enzyme protein bacterium cell mutation organism
        physics: photon superconductor quark plasma neutrino magnetism
        chemistry: catalyst polymer solvent titration isotope reagent
        mathematics: theorem lemma manifold conjecture topology integral
        economics: inflation tariff subsidy wage monetary trade
        computing: compiler algorithm database scheduler cache protocol
        psychology: memory attention bias personality anxiety cognition
        geology: sediment basalt earthquake magma strata erosion
        medicine: placebo dosage cohort symptom biopsy therapy
        linguistics: phoneme syntax dialect morphology corpus vowel
    """),
    _topic("bank chat", "message", """
        card: chip contactless plastic embossing cardholder reissue
        transfer: remittance beneficiary iban wire recipient standing-order
        loan: mortgage instalment lender collateral borrower principal
        savings: deposit interest passbook nest-egg bond yield
        fraud: theft scam forgery skimming impostor dispute
        cash: atm banknote coin withdrawal teller vault
        exchange: currency euro dollar conversion rate yen
        app: notification widget biometrics update sync interface
    """),
    _topic("restaurant reviews", "review", """
        food: soup pasta dessert seasoning steak salad
        service: waiter hostess tip manners queue attentiveness
        price: bill bargain menu-price cost markup value
        ambience: lighting music decor terrace candle view
        hygiene: cockroach hair stain napkin restroom crumbs
        location: parking tram corner neighbourhood waterfront stop
    """),
    _topic("home assistant requests", "message", """
        music: song playlist album volume radio chorus
        lights: lamp dimmer bulb brightness chandelier glow
        alarm: wake-up snooze buzzer ringtone reminder timer
        weather: rain forecast snow humidity thunderstorm umbrella
        shopping: grocery basket milk checklist supermarket eggs
        calendar: appointment schedule birthday event date invitation
        heating: thermostat radiator boiler warmth degrees furnace
        news: headline broadcast bulletin anchor reporter press
    """),
    _topic("incident reports", "ticket", """
        low: typo cosmetic tooltip alignment wording font
        medium: slowdown lag workaround timeout glitch retry
        high: outage corruption breach meltdown shutdown data-loss
        critical: fire injury evacuation explosion collapse fatality
    """),
    _topic("job adverts", "ticket", """
        engineering: bridge turbine blueprint welding circuit gearbox
        nursing: ward patient stretcher bedside syringe bandage
        teaching: pupil homework lesson blackboard kindergarten tutor
        law: contract lawsuit attorney clause litigation paralegal
        cooking: kitchen oven pastry recipe chef knife
        logistics: forklift pallet freight loading-bay truck inventory
        marketing: campaign slogan brand influencer billboard audience
        accounting: ledger audit payroll bookkeeping tax balance-sheet
    """),
    _topic("product reviews", "review", """
        quality: craftsmanship durability seam finish sturdiness material
        size: fit waist sleeve inch width tightness
        delivery: package box carrier doorstep delay dispatch
        price: bargain sale cost wallet money markdown
        comfort: cushion softness padding ease ergonomics lining
        colour: shade dye hue pink beige tint
        battery: charger charge standby adapter cell drain
        sound: bass speaker noise treble headphone echo
    """),
    _topic("questions to a library", "message", """
        person: author inventor king painter actress explorer
        place: city river country island mountain village
        number: population distance percentage height age quantity
        date: century year birthday anniversary month decade
        definition: meaning term synonym jargon abbreviation glossary
        reason: cause motive explanation purpose why origin
    """),
    _topic("relevance judgements", "abstract", """
        relevant: overlap pertinence bullseye alignment thread counterpart
        irrelevant: digression tangent advert boilerplate noise gibberish
    """),
    _topic("comments under articles", "message", """
        toxic: idiot insult slur moron threat scum
        polite: thanks compliment courtesy apology kindness gratitude
        offtopic: advert selfie horoscope giveaway meme recipe
        question: curiosity clarification doubt query wonder inquiry
    """),
    _topic("claims", "abstract", """
        supported: evidence proof confirmation replication citation measurement
        refuted: contradiction error retraction counterexample falsehood hoax
        unknown: speculation rumour guess uncertainty hearsay opinion
    """),
    _topic("letters to a city", "ticket", """
        roads: pothole kerb crossing pavement traffic roundabout
        waste: bin garbage compost litter dump recycling
        water: pipe sewer leak hydrant tap flood
        parks: playground bench lawn tree fountain hedge
        noise: bar loudspeaker barking drill party siren
        permits: form licence stamp application fence shed
        schools: pupil canteen gym classroom teacher bus
        animals: stray leash pigeon rat kennel vet
    """),
)  # fmt: skip

RELATED: dict[str, frozenset[str]] = {}
"""Label name in lower case -> what anybody connects with it, over all topics."""
for _one in TOPICS:
    for _label, _words in _one.labels.items():
        RELATED[_label] = RELATED.get(_label, frozenset()) | frozenset(_words)
