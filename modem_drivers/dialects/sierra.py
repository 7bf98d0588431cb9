"""Sierra Wireless MC/EM/SL: calls can be set up, but their sound is nowhere to be had over USB: SMS and data only.

No unit or recording has been at hand. What is proved, by a made far end in tests/modem_drivers/test_modem_families.py,
is that such a modem is recognised and refuses to dial with a named error; commands and ports are from Sierra's AT manual
and ModemManager's port table.
"""

from modem_drivers.dialect import STANDARD_PIN_TRIES, Dialect, PinTries, SimPlan, UsbLayout
from modem_drivers.dialects.generic import COMMON_SETUP, NO_AUDIO
from modem_drivers.healing import HealingPlan

SIERRA = Dialect(
    name="sierra",
    carries_voice=False,
    manufacturer_pattern=r"Sierra",
    model_pattern=r"^(?:MC|EM|SL|AC)",
    setup=COMMON_SETUP,
    audio=NO_AUDIO,
    # +CPINC: <PIN>,<PIN2>,<PUK>,<PUK2>
    sim=SimPlan(
        iccid=(("AT+ICCID", "+ICCID"), ("AT!ICCID?", "!ICCID")),
        pin_tries=(PinTries(command="AT+CPINC?", field=0), STANDARD_PIN_TRIES),
    ),
    healing=HealingPlan(vendor_reset=("AT!RESET",)),
    usb=(
        UsbLayout(vendor_id="1199", product_id="9071", at_interface=3),
        UsbLayout(vendor_id="1199", product_id="9091", at_interface=3),
    ),
)
