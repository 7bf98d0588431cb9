"""One thing that the self-check tried, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

Both = tuple[str, str]
"""English, Chinese."""


class State(StrEnum):
    """What came of it."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be tried, such as while the daemon does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing tried."""

    code: str
    """A name for programs, which stays."""
    state: State
    detail: str
    """In English, masked."""


def result(code: str, is_good: bool | None, detail: str = "") -> Check:
    """Return a check; None: it could not be tried."""
    state = State.UNKNOWN if is_good is None else State.GOOD if is_good else State.BAD
    return Check(code=code, state=state, detail=detail)


TO_DO: dict[str, tuple[Both, Both]] = {
    # Code: what is tried, and what to do when it is not good.
    "settings": (
        ("Settings file", "设置文件"),
        ("mend the line named, see docs/install.md", "按提示修改设置文件"),
    ),
    "settings-private": (
        ("Settings not writable by others", "设置文件不可被他人修改"),
        ("chmod 0640 the settings file", "执行 chmod 0640 设置文件"),
    ),
    "time-zone": (("Time zone of the office", "网点时区"), ("set [box] time_zone", "设置 [box] time_zone")),
    "lines-named": (
        ("Lines named", "已登记线路"),
        ("add a [[line]] for each modem: branchline modem list", "为每个调制解调器添加 [[line]]"),
    ),
    "test-number": (
        ("A test number", "测试号码"),
        ("name one of ours: [[test_number]]", "设置 [[test_number]]"),
    ),
    "pin": (
        ("Technician's PIN", "技术人员 PIN"),
        ("branchline technician set-pin", "执行 branchline technician set-pin"),
    ),
    "data-folder": (
        ("Data folder writable", "数据目录可写"),
        ("check the disk and the folder's owner", "检查磁盘与目录属主"),
    ),
    "data-private": (
        ("Data folder private", "数据目录保密"),
        ("chmod 0700 the data folder", "执行 chmod 0700 数据目录"),
    ),
    "disk-space": (("Room on the disk", "磁盘空间"), ("have the console fetch recordings", "请总部取走录音")),
    "inodes": (("Room for files", "文件数余量"), ("delete what is not ours from the disk", "删除无关文件")),
    "disk-writable": (
        ("Root disk not read-only by fault", "系统盘未因故障只读"),
        ("the card may be dying: replace it", "存储卡可能损坏，请更换"),
    ),
    "database": (
        ("Database readable", "数据库可读"),
        ("start the daemon: it restores the last copy", "启动守护程序，它会恢复最近的副本"),
    ),
    "database-whole": (
        ("Database whole", "数据库完整"),
        ("restart the daemon: it restores the last copy", "重启守护程序，它会恢复最近的副本"),
    ),
    "outbox": (
        ("Results sent in time", "结果按时上传"),
        ("check network and broker; nothing is lost", "检查网络与服务器，数据不会丢失"),
    ),
    "console-keys": (
        ("Console's keys", "总部公钥"),
        ("put the key files in place: [console] keys", "放置公钥文件 [console] keys"),
    ),
    "recipients": (
        ("Recipients of recordings", "录音接收者"),
        ("ask the console for its age1… recipient", "向总部索取 age1… 接收者"),
    ),
    "broker-ca": (
        ("Broker's CA", "服务器 CA 证书"),
        ("put the file in place: [mqtt] ca", "放置文件 [mqtt] ca"),
    ),
    "certificate": (
        ("Box's certificate", "设备证书"),
        ("have the console issue a new one", "请总部签发新证书"),
    ),
    "key-private": (
        ("Box's key private", "设备私钥保密"),
        ("chmod 0600 the key, owned by the service", "执行 chmod 0600 私钥"),
    ),
    "key-matches": (
        ("Key and certificate belong together", "私钥与证书匹配"),
        ("put back the pair that the console issued", "放回总部签发的一对文件"),
    ),
    "gate": (
        ("Rules refuse forbidden calls", "规则拒绝违规呼叫"),
        ("install the firmware again, or approve the packs", "重新安装固件，或批准规则包"),
    ),
    "speech-en": (
        ("Voice for English", "英语语音"),
        ("branchline models fetch, or install espeak-ng", "执行 branchline models fetch"),
    ),
    "speech-zh": (
        ("Voice for Chinese", "中文语音"),
        ("branchline models fetch, or install espeak-ng", "执行 branchline models fetch"),
    ),
    "recordings": (
        ("Recorded prompts", "录制的提示音"),
        ("write the words beside each sound", "为每段录音写上文字"),
    ),
    "listening": (("Recognisers", "语音识别"), ("branchline models fetch", "执行 branchline models fetch")),
    "interface": (
        ("Network interface up", "网络接口已连接"),
        ("plug in the cable; try another one", "插好网线，或更换网线"),
    ),
    "gateway": (
        ("Way out of the network", "默认网关"),
        ("ask the office's network people (DHCP)", "询问网点网络管理员（DHCP）"),
    ),
    "name-server": (
        ("Name server", "域名服务器"),
        ("ask the office's network people (DNS)", "询问网点网络管理员（DNS）"),
    ),
    "broker-name": (
        ("Broker's name known", "服务器域名可解析"),
        ("check [mqtt] host and DNS", "检查 [mqtt] host 与 DNS"),
    ),
    "broker-reached": (
        ("Broker reached", "可连接服务器"),
        ("have the firewall let the box out to its port", "请在防火墙放行该端口"),
    ),
    "broker": (
        ("Broker takes this box", "服务器接受本设备"),
        ("renew the certificate at the console", "在总部更新证书"),
    ),
    "clock-year": (
        ("Clock is of this age", "时钟年份合理"),
        ("check the network: the time comes over it", "检查网络，以便校时"),
    ),
    "clock-ntp": (
        ("Clock disciplined by NTP", "NTP 校时"),
        ("let the box reach an NTP server", "允许设备访问 NTP 服务器"),
    ),
    "memory": (
        ("Memory left", "可用内存"),
        ("restart; fewer recognisers: [listening] workers", "重启，或减少 [listening] workers"),
    ),
    "temperature": (("Temperature", "温度"), ("give the box air", "改善通风")),
    "load": (("Load", "系统负载"), ("see what else runs on the box", "检查是否运行了其他程序")),
    "modem-manager": (
        ("ModemManager keeps off", "ModemManager 未占用"),
        ("systemctl disable --now ModemManager", "执行 systemctl disable --now ModemManager"),
    ),
    "daemon": (
        ("Daemon answers", "守护程序响应"),
        ("systemctl restart branchline; read its log", "执行 systemctl restart branchline 并查看日志"),
    ),
    "dialling": (
        ("Daemon may dial", "允许拨号"),
        ("see the status screen for why not", "查看状态页了解原因"),
    ),
    "clock-trusted": (
        ("Clock trusted", "时钟可信"),
        ("wait; let NTP, console or network tell the time", "请等待，由 NTP、总部或网络校时"),
    ),
    "connected": (("Connected to the console", "已连接总部"), ("check the network screen", "查看网络页")),
    "suppressions": (
        ("List of who must not be called", "免打扰名单"),
        ("have the console send it: it is older than a day", "请总部下发，名单已超过一天"),
    ),
    "line": (("Line", "线路"), ("see the lines screen", "查看线路页")),
}
"""Line checks are coded ``line:NAME``."""


def words_of(code: str) -> tuple[Both, Both]:
    """Return what a check tried and what to do about it."""
    return TO_DO[code.split(":", maxsplit=1)[0]]
