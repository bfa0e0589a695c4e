"""Every word that a report may contain. Any other text of an answer is only counted."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INSTANCE = (
    "instance_id name description status provide start_date stop_date default_account ip zone "
    "flavor image monitoring block_storage vnc connection_limit traffic"
)
INSTANCE_MEMBERS = tuple(_INSTANCE.split())
"""The members of an instance in the order of their bits (contract#fields)."""

MEMBERS = frozenset(
    f"""{_INSTANCE}
    code error_code message result count page page_no page_size total errors
    zone_id zone_name content flavor_id spec supporting_images price type vcpu memory disk network
    gpu full partial KRW vat image_id visibility os os_type image_type version oid
    public private address attached netmask broadcast gateway port resource username password link
    default period limit reset_allow_count
    block_storage_id volume_id size min max zones instance instances owner server server_id
    attach_date attached_at device mount mount_point attach attachments bootable snapshot step
    created created_at created_date create_date updated_at update_date end_date date
    ssh_key_id ssh_key user_script_id script_id script user_scripts fingerprint public_key
    firewall_id title icmp rules rule_id bound protocol cidr firewall security_group
    security_group_id group_id policy revision is_default use used
    bill_id usage_start usage_end bill_date payment_status payment_price currency date_paid
    id idx key value label tags region host state progress task""".split()
)
"""Names of members that a report may name: the documented ones, and what an undocumented row would
probably call its members.
"""

TYPES = frozenset(
    {"null", "boolean", "integer", "number", "text", "empty_text", "array", "object"}
    | {"missing", "secret"}
)
"""What a JSON value may be."""

STATUSES = _words(
    """active available attached attaching attach backup backup_restoring blocked building
    build cancelled closed complete completed confirmed create created creating degraded
    delete deleted deleting detach detached detaching disabled done down enabled error
    error_deleting error_restoring expired extending fail failed free hidden in_use
    inactive init initializing limited locked maintenance migrating modify modifying new
    none normal off ok on open pause paused pending prepare preparing process processing
    progress provisioning ready reboot rebooting rebuild rebuilding reserved reset
    resize resized resizing restarting restore restoring resume retyping run running
    shutdown shutoff sold_out soldout standby start started starting stop stopped
    stopping success suspended terminated terminating unavailable unknown unuse unused
    update updating upgrade uploading use used using verify_resize wait waiting work
    working"""
)
ENUMERATIONS: dict[str, frozenset[str]] = {
    "status": STATUSES,
    "type": _words(
        """vm gpu solution vdi default single maxio single_x4 hpa vgna soi std ssd sata hdd
    nvme regular prepaid postpaid additional secondary lite baremetal bare_metal common
    dedicated premium high_memory high_cpu network storage windows windows_core
    windows_sql ubuntu rocky cent centos fedora freebsd opensuse coreos oracle debian
    alma almalinux linux"""
    ),
    "image_type": _words(
        """os os_linux os_windows os_bsd os_gpu os_linux_gpu os_windows_gpu solution_linux
    solution_windows solution gpu_linux gpu_windows vdi linux windows private snapshot
    backup custom user public"""
    ),
    "os_type": _words(
        """ubuntu rockylinux rocky centos cent windows windows_core windows_sql windows_server
    fedora freebsd opensuse coreos oracle oraclelinux debian almalinux alma linux suse
    amazon"""
    ),
    "bound": frozenset({"in", "out", "inbound", "outbound"}),
    "protocol": frozenset({"tcp", "udp", "icmp", "all", "any"}),
    "icmp": frozenset({"y", "n"}),
    "provide": frozenset({"dedicated", "shared", "public", "private"}),
    "visibility": frozenset({"public", "private", "shared", "community"}),
    "currency": frozenset({"krw", "usd"}),
    "payment_status": _words(
        """paid unpaid pending waiting ready overdue cancelled canceled refunded partial
    complete completed done wait none free failed"""
    ),
    "period": frozenset({"daymonth", "day", "month", "hour"}),
}
"""Members whose values a report may show, with the values that it may show, in lower case."""

ERRORS = _words(
    """SUCCESS NOT_FOUND CIDR_NOT_VALID CIDR_NOT_REGISTERED IPV6_NOT_SUPPORTED
    CHECK_REQUEST_IP CHECK_CREDENTIAL CHECK_SIGNATURE INVALID_SIGNATURE CHECK_IP
    REQUIRED_GET_PARAM_MISSING REQUIRED_POST_PARAM_MISSING DEV_CHECK_RETURN
    UNAVAILABLE_FLAVOR CHECK_PARAM CHECK_PARAM_ENUM UNAVAILABLE_COMBINATION CHECK_LENGTH
    UNAVAILABLE_SSH_KEY DELETED_OR_WORKING_INSTANCE EMPTY_SET IN_USE ID_INVALID
    LIMIT_EXCEEDED CHECK_CONSOLE TOO_MANY_REQUESTS"""
)
"""The published names of errors (contract#errors), and the one that a 429 may have."""

HEADERS = (
    "Content-Type",
    "Date",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
"""The headers that a report may name."""

ID_PREFIXES = _words(
    """INSTANCE- PIMAGE- UIMAGE- IMAGE- CIMAGE- SIMAGE- FIREWALL- SECURITYGROUP- SG- BILL-
    BLOCKSTORAGE- BLOCK- BLOCK_STORAGE- STORAGE- VOLUME- VOL- DISK- BS- SSHKEY- SSH_KEY-
    SSH- KEY- KEYPAIR- SCRIPT- USERSCRIPT- USER_SCRIPT- USCRIPT- RULE- SNAPSHOT-"""
)
"""The beginnings of ids that a report may name."""

ALPHABETS = frozenset(
    {"digits", "hex", "base62", "base62_and_signs", "uuid", "others"} | {"another_prefix"}
)
"""What an id consists of after its prefix."""

NUMBERS_SHOWN = 10_000
"""The largest number of the transport that is shown: sizes of pages, calls left."""

CLASSES = ("0", "1", "2-10", "11-50", "more")
"""How many rows there are."""

_FORMS = _words(
    """another_word another_number another_code error_text message_text validation_form
    bare_message envelope not_json not_an_object no_answer empty_body other_form
    as_asked smaller larger ignored honoured id_invalid empty not_found tombstone
    other_error rows mask bare_address all_addresses range single list address parked
    plain escaped with_entities hyphen underscore other within_1_s within_30_s
    within_300_s more_than_300_s once_rfc3986 once_form none same changed kept cleared
    corrupt within_10_s within_60_s within_600_s keep refuse allow match all many
    single_refuse single_replace firewall security-groups instance block_storage rule"""
)
WORDS = (
    MEMBERS
    | TYPES
    | ERRORS
    | ID_PREFIXES
    | ALPHABETS
    | _FORMS
    | frozenset(HEADERS)
    | frozenset(CLASSES)
    | frozenset(word for words in ENUMERATIONS.values() for word in words)
    | frozenset(word.upper() for words in ENUMERATIONS.values() for word in words)
)
"""All words of a report."""
