"""The door of identity: accounts, sessions, staff, throttles, access log, security events."""

from app.identity.service._accounts import (
    close_account,
    find_account,
    find_or_open_account,
    find_or_open_accounts,
)
from app.identity.service._codes import CodeTicket, issue_code, log_in_by_code
from app.identity.service._hashing import hash_password
from app.identity.service._logs import (
    AccessEntry,
    list_access_log,
    log_access,
    log_accesses,
    record_security_event,
    security_event,
)
from app.identity.service._pruning import prune
from app.identity.service._sessions import (
    Tokens,
    end_session,
    end_sessions,
    issue_tokens,
    rotate_tokens,
)
from app.identity.service._staff import (
    StaffChanges,
    change_staff,
    create_staff,
    get_staff,
    list_staff,
    set_password,
)
from app.identity.service._staff_login import change_own_password, log_in_staff
from app.identity.service._throttling import give_back, take

__all__ = [
    "AccessEntry",
    "CodeTicket",
    "StaffChanges",
    "Tokens",
    "change_own_password",
    "change_staff",
    "close_account",
    "create_staff",
    "end_session",
    "end_sessions",
    "find_account",
    "find_or_open_account",
    "find_or_open_accounts",
    "get_staff",
    "give_back",
    "hash_password",
    "issue_code",
    "issue_tokens",
    "list_access_log",
    "list_staff",
    "log_access",
    "log_accesses",
    "log_in_by_code",
    "log_in_staff",
    "prune",
    "record_security_event",
    "rotate_tokens",
    "security_event",
    "set_password",
    "take",
]
