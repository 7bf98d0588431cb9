"""The time a network tells whoever registers (NITZ, 3GPP TS 22.042), and how a modem passes it on."""

from modem_drivers.simulator.clock import written, zone_of
from modem_drivers.simulator.device import Device


def take_network_time(device: Device) -> None:
    """Set the modem's clock by the network, if both will, and report it as the host asked."""
    told, switch = device.network.clock, device.personality.clock_switch
    if told is None or not device.is_registered or not (switch is None or device.settings.is_on(switch)):
        return
    at = told()
    device.clock.tell(at)
    if device.personality.clock_line is not None:
        device.urc(device.personality.clock_line.replace("{zone}", zone_of(at)).format(at))
    match device.settings["+CTZR"]:
        case "1":
            device.urc(f'+CTZV: "{zone_of(at)}"')
        case "2":
            device.urc(f'+CTZE: "{zone_of(at)}",0,"{written(at)[:17]}"')
