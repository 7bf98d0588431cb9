"""Modems on PTYs or in memory, with a network and people behind them; shares nothing with the drivers."""

from modem_drivers.simulator.errors import ModemProcessError, PeopleFileError, SimulatorError
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import (
    Beep,
    HangUp,
    OwnText,
    Pause,
    Person,
    Press,
    Reaction,
    Say,
    WaitForSilence,
)
from modem_drivers.simulator.people_file import load_people
from modem_drivers.simulator.personality import (
    A7670,
    EC25,
    EC25_DSCI,
    HUAWEI,
    PERSONALITIES,
    SIM800,
    SIM7600,
    WAVECOM,
    ZTE,
    Personality,
)
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.simulation import ModemSpec, PortPair, Simulation, Voice
from modem_drivers.simulator.ussd import UssdAnswer

__all__ = [
    "A7670",
    "EC25",
    "EC25_DSCI",
    "HUAWEI",
    "PERSONALITIES",
    "SIM800",
    "SIM7600",
    "WAVECOM",
    "ZTE",
    "Beep",
    "Faults",
    "HangUp",
    "ModemProcessError",
    "ModemSpec",
    "Network",
    "OwnText",
    "Pause",
    "PeopleFileError",
    "Person",
    "Personality",
    "PortPair",
    "Press",
    "Reaction",
    "Say",
    "SimCard",
    "SimulatedModem",
    "SimulatedModemProcess",
    "Simulation",
    "SimulatorError",
    "UssdAnswer",
    "Voice",
    "WaitForSilence",
    "load_people",
]
