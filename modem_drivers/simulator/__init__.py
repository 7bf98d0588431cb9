"""Modems on PTYs or in memory, with a network and people behind them; shares nothing with the drivers."""

from modem_drivers.simulator.errors import ModemProcessError, PeopleFileError, SimulatorError
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import Beep, HangUp, Pause, Person, Press, Reaction, Say, WaitForSilence
from modem_drivers.simulator.people_file import load_people
from modem_drivers.simulator.personality import EC25, PERSONALITIES, SIM7600, Personality
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.simulation import ModemSpec, PortPair, Simulation, Voice

__all__ = [
    "EC25",
    "PERSONALITIES",
    "SIM7600",
    "Beep",
    "Faults",
    "HangUp",
    "ModemProcessError",
    "ModemSpec",
    "Network",
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
    "Voice",
    "WaitForSilence",
    "load_people",
]
