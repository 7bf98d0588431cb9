"""The network's answers to codes like *100#, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdAnswer:
    """What one code brings; with choices, the network waits for one of them."""

    text: str
    choices: Mapping[str, "UssdAnswer"] = field(default_factory=dict)


USUAL_CODES: Mapping[str, UssdAnswer] = {
    "*100#": UssdAnswer(text="Your balance is 25.50 CNY, valid until 2027-01-31."),
    "*101#": UssdAnswer(text="您的余额为25.50元，有效期至2027年1月31日。"),
    "*102#": UssdAnswer(
        text="1 Balance\n2 Data left",
        choices={
            "1": UssdAnswer(text="Your balance is 25.50 CNY."),
            "2": UssdAnswer(text="1.2 GB left."),
        },
    ),
}
