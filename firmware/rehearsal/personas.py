"""People to rehearse with: what they want, how they speak, how much patience they have."""

from dataclasses import dataclass, field

from firmware.dialogue.slots import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One kind of callee; chances are from 0 to 1, per turn unless said otherwise."""

    name: str
    identity: str = "confirm_identity"
    """What they answer when asked who they are."""
    wants: tuple[str, ...] = ("promise_to_pay",)
    """What they answer when asked to pay, or why not; any of these."""
    agrees: float = 0.9
    """To what is read back or offered, in a whole conversation's average."""
    knows_secret: float = 0.97
    presses_keys: float = 0.2
    mumbles: float = 0.05
    """Something that nobody understands."""
    silent: float = 0.03
    interrupts: float = 0.1
    """Speaks before the question is over."""
    noises: float = 0.1
    """嗯, uh-huh while the box speaks."""
    hangs_up: float = 0.01
    asks: tuple[str, ...] = ()
    """What they come up with by themselves, at any time."""
    asks_chance: float = 0.0
    pace_s: float = 1.0
    """Thinking before speaking."""
    is_machine: bool = False
    marks: tuple[int, ...] = (3, 4, 5)
    answers: dict[Asked, tuple[str, ...]] = field(default_factory=dict)
    """Intents in place of the usual ones after a kind of question."""


PERSONAS: tuple[Persona, ...] = (
    Persona(name="willing"),
    Persona(name="by keys only", presses_keys=1.0, interrupts=0.3),
    Persona(name="pays now", wants=("paying_now",), pace_s=0.4),
    Persona(name="paid already", wants=("already_paid",), asks=("who_are_you",), asks_chance=0.1),
    Persona(name="wants instalments", wants=("ask_installment",), agrees=0.6),
    Persona(name="short of money", wants=("hardship", "ask_installment"), agrees=0.4, pace_s=2.5),
    Persona(name="disputes", wants=("dispute",), agrees=0.3, asks=("ask_details",), asks_chance=0.15),
    Persona(name="refuses", wants=("refuse_to_pay",), agrees=0.05, interrupts=0.4, hangs_up=0.08),
    Persona(
        name="stop calling", wants=("refuse_to_pay",), asks=("opt_out",), asks_chance=0.5, interrupts=0.6
    ),
    Persona(name="complains", wants=("dispute",), asks=("complaint",), asks_chance=0.4, interrupts=0.4),
    Persona(name="a relative", identity="third_party", knows_secret=0.0),
    Persona(name="a stranger", identity="wrong_number", knows_secret=0.0),
    Persona(name="pretends", knows_secret=0.0, wants=("promise_to_pay", "already_paid")),
    Persona(name="wants a person", asks=("want_human",), asks_chance=0.5),
    Persona(name="busy", wants=("callback_later",), interrupts=0.3, pace_s=0.3),
    Persona(name="slow of hearing", asks=("repeat", "slower"), asks_chance=0.35, silent=0.15, pace_s=4.0),
    Persona(name="bad line", mumbles=0.6, silent=0.2),
    Persona(name="says nothing", silent=1.0, noises=0.0),
    Persona(name="in distress", wants=("hardship",), asks=("vulnerable",), asks_chance=0.4, pace_s=3.0),
    Persona(name="another language", asks=("other_language",), asks_chance=0.4),
    Persona(name="talks over everything", interrupts=0.9, noises=0.6, mumbles=0.2),
    Persona(name="hangs up", hangs_up=0.35),
    Persona(name="changes their mind", agrees=0.4, wants=("promise_to_pay", "refuse_to_pay", "hardship")),
    Persona(name="a machine", is_machine=True),
)
