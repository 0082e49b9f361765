"""Settings: boots with nothing set; each real part is one variable away (docs/configuration.md lists them all)."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from redis.backoff import NoBackoff
from redis.retry import Retry
from whitenoise.compress import Compressor

from avatarsite import env
from avatarsite.local_secrets import kept_secret
from avatarsite.monitoring import logs
from avatarsite.monitoring.sentry import tell_sentry
from avatarsite.web.collected import is_collected

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)


# --- The site ------------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or kept_secret(
    # Sessions and signed links survive a restart.
    VAR_DIR / "secret_key",
    lambda: secrets.token_urlsafe(50),
)
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
PUBLIC_URL = env.url("PUBLIC_URL")
SITE_URL = PUBLIC_URL or "http://127.0.0.1:8000"
# Where clients find the WebSocket that `manage.py sockets` serves; a proxy leads there from the site's own host.
SOCKETS_URL = env.url("SOCKETS_URL", "ws" + SITE_URL.removeprefix("http"), schemes=("ws", "wss"))
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [
    *([urlsplit(PUBLIC_URL).hostname or ""] if PUBLIC_URL else []),
    *LOOPBACK_HOSTS,
]
# Hosts of our own for fal's clients, as their FAL_RUN_HOST and FAL_QUEUE_RUN_HOST name them.
GATEWAY_FAL_RUN_HOST = env.text("GATEWAY_FAL_RUN_HOST")
_queue_host = f"queue.{GATEWAY_FAL_RUN_HOST}" if GATEWAY_FAL_RUN_HOST else ""
GATEWAY_FAL_QUEUE_HOST = env.text("GATEWAY_FAL_QUEUE_HOST", _queue_host)
ALLOWED_HOSTS += [host.partition(":")[0] for host in (GATEWAY_FAL_RUN_HOST, GATEWAY_FAL_QUEUE_HOST) if host]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

ROOT_URLCONF = "avatarsite.urls"
WSGI_APPLICATION = "avatarsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

INSTALLED_APPS = [
    "avatarsite.apps.SiteConfig",
    "avatarsite.audit",
    "avatarsite.legal",
    "avatarsite.workspaces",
    "avatarsite.inbox",
    "avatarsite.outbox",
    "avatarsite.mail",
    "avatarsite.api",
    "avatarsite.staff",
    "billing",
    "studio",
    "studio.gateway",
    "studio.misuse",
    "studio.lifecycle",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_q",
    "hijack",
    "rest_framework",
    "waffle",
    "drf_spectacular",
    "unfold.apps.BasicAppConfig",  # before the admin site, whose templates it replaces
    "avatarsite.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "avatarsite.web.static_files.StaticFiles",
    "django.forms",  # its widgets, for FORM_RENDERER below
]

MIDDLEWARE = [
    "avatarsite.http.proxies.forget_untrusted_claims",
    "studio.gateway.fal.hosts.route_by_host",
    "studio.gateway.fal.hosts.route_by_target",
    "avatarsite.outages.busy.turn_away",
    "avatarsite.http.entry_points.answer_as_the_entry_point",
    "avatarsite.web.places.know_the_request",
    "avatarsite.audit.actor.know_the_actor",
    "avatarsite.outages.database.DatabaseWatch",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "avatarsite.staff.view_as.read_only",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# Where programs come in, the first that fits: the path, the function that says in its form what is wrong, and the most
# bytes that a body may have where it is less than an upload's.
ENTRY_POINTS: tuple[tuple[Any, ...], ...] = (
    ("/api/v1/uploads", "avatarsite.api.problems.refusal_response"),
    ("/api/v1/verify", "avatarsite.api.problems.refusal_response"),
    ("/api/v1/slots", "avatarsite.api.problems.refusal_response"),
    ("/api", "avatarsite.api.problems.refusal_response", 33_000_000),
    ("/price", "avatarsite.http.entry_points.as_text", 26_000_000),
    ("/mcp", "studio.agents.views.refusal_response", 4_000_000),
    ("/hooks", "avatarsite.http.entry_points.as_text", 256 * 1024),
    ("/compat/runware", "studio.gateway.runware.errors.refusal_response", 41_000_000),
    ("/compat/aimlapi", "studio.gateway.aimlapi.errors.refusal_response", 41_000_000),
    ("/compat/fal/cdn", "studio.gateway.fal.errors.refusal_response", 130_000_000),
    ("/compat/fal", "studio.gateway.fal.errors.refusal_response", 41_000_000),
    ("/compat", "studio.gateway.fal.errors.refusal_response", 41_000_000),
)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "avatarsite.workspaces.context.workspace",
                "avatarsite.context_processors.stand_ins",
            ],
            "builtins": ["avatarsite.templatetags.icons"],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- The database: SQLite unless DATABASE_URL names a PostgreSQL -----------------------------------------------------

DATABASE_URL = env.text("DATABASE_URL")
# PgBouncer in transaction mode stands before it: each transaction may have another of the server's sessions.
DATABASE_POOLED = env.flag("DATABASE_POOLED", default=False)
# A statement that takes longer is ended, and so is a transaction in which nobody says anything; 0 is no limit.
DATABASE_STATEMENT_SECONDS = env.integer("DATABASE_STATEMENT_SECONDS", 60, least=0)
TAKE_AS_LONG_AS_THEY_NEED = {"migrate", "backup", "restore"}


def _database() -> dict[str, Any]:
    if not DATABASE_URL:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(VAR_DIR / "db.sqlite3"),
            "CONN_MAX_AGE": 600,
            # DEFERRED loses writes to "database is locked" and no timeout helps; IMMEDIATE queues instead. FULL,
            # because money is in this file.
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
            },
        }
    if urlsplit(DATABASE_URL).scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://; leave it out for SQLite in var/.")
    database: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL, conn_max_age=600, conn_health_checks=True))
    options = {"connect_timeout": 2, **database.get("OPTIONS", {})}
    if not DATABASE_POOLED and not TAKE_AS_LONG_AS_THEY_NEED.intersection(sys.argv[1:2]):  # a pooler takes none of it
        limits = ("statement_timeout", "idle_in_transaction_session_timeout")
        ended = " ".join(f"-c {limit}={DATABASE_STATEMENT_SECONDS}s" for limit in limits)
        options["options"] = f"{ended} {options.get('options', '')}".strip()
    return database | {
        "ENGINE": "avatarsite.outages.postgresql",
        "OPTIONS": options,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLED,
    }


DATABASES = {"default": _database()}

# --- Cache and rate limits: this process's memory unless REDIS_URL names a Valkey or Redis ---------------------------

REDIS_URL = env.url("REDIS_URL", schemes=("unix", "rediss", "redis"))
CACHES = {
    "default": {
        "BACKEND": "avatarsite.outages.cache.SharedCache",
        "LOCATION": REDIS_URL,
        # It saves time and counts: it is never worth a wait.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 0)},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Of each process by itself: a switch that was turned is turned everywhere within this time.
    "switches": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "switches",
        "TIMEOUT": 10,
    },
}
WAFFLE_CACHE_NAME = "switches"
WAFFLE_SWITCH_DEFAULT = True

# --- The queue: at least once; retries are ours, never its own -------------------------------------------------------

Q_CLUSTER: dict[str, Any] = {
    "name": "main",
    "orm": "default",
    "workers": env.integer("WORKERS", 4, least=1),
    "queue_limit": 4,
    "bulk": 1,
    "timeout": 120,
    "retry": 420,  # > 3 x timeout + 5, because it counts from the prefetch and not from the start
    "ack_failures": True,
    "max_attempts": 1,  # retries are ours: a next_try_at column and the sweep
    "save_limit": -1,
    "catch_up": False,
    "poll": 0.2,
    "recycle": 500,
    "max_rss": 400_000,
    "log_level": "WARNING",
    "label": "Queue",
    # Three, so that the canary gets through beside the long watch and the round of webhooks.
    "ALT_CLUSTERS": {"watch": {"workers": 3, "queue_limit": 3, "timeout": 90, "retry": 300}},
}

# --- Files: var/media unless S3_BUCKET names a bucket ----------------------------------------------------------------

S3_BUCKET = env.text("S3_BUCKET")
# The folder of the bucket that everything lies in, where it is shared.
S3_PREFIX = env.text("S3_PREFIX")
S3_ENDPOINT_URL = env.url("S3_ENDPOINT_URL")
# Where browsers and providers reach the bucket, when that is another address than ours.
S3_PUBLIC_ENDPOINT_URL = env.url("S3_PUBLIC_ENDPOINT_URL")
MEDIA_ROOT = VAR_DIR / "media"
FILE_LINK_SECONDS = 6 * 3600
# What customers bring is refused beyond these; a workspace can be given a quota of its own. 0 is no limit.
STORAGE_QUOTA_GB = env.decimal("STORAGE_QUOTA_GB", "10")
STORAGE_GB_PER_MINUTE = env.decimal("STORAGE_GB_PER_MINUTE", "2")


# The age1… key that backups are sealed for; whoever restores has the other half.
BACKUP_RECIPIENT = env.text("BACKUP_RECIPIENT")


def _storage() -> dict[str, Any]:
    if not S3_BUCKET:
        return {
            "BACKEND": "studio.storage.local.PrivateFiles",
            "OPTIONS": {"location": str(MEDIA_ROOT), "allow_overwrite": True},
        }
    return {
        "BACKEND": "studio.storage.s3.PrivateBucket",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "location": S3_PREFIX,
            "endpoint_url": S3_ENDPOINT_URL or None,
            "access_key": env.text("S3_ACCESS_KEY_ID") or None,
            "secret_key": env.text("S3_SECRET_ACCESS_KEY") or None,
            "region_name": env.text("S3_REGION") or None,
            "default_acl": None,
            "file_overwrite": True,
            "querystring_auth": True,
            "querystring_expire": FILE_LINK_SECONDS,
            "max_memory_size": 8_000_000,
            "signature_version": "s3v4",
            "addressing_style": "path" if S3_ENDPOINT_URL else None,
        },
    }


STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(VAR_DIR / "static")))
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns when it isn't there, and before a collectstatic it isn't
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "avatarsite.web.typefaces.Typefaces",
]
# By names with a hash and compressed once a collectstatic has made them so; before it as they lie in their folders.
IS_COLLECTED = sys.argv[1:2] == ["collectstatic"] or is_collected(STATIC_ROOT, BASE_DIR / "static")
STORAGES = {
    "default": _storage(),
    "staticfiles": {
        "BACKEND": "avatarsite.web.static_files.HashedFiles"
        if IS_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not IS_COLLECTED
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]
WHITENOISE_AUTOREFRESH = DEBUG

FILE_UPLOAD_HANDLERS = [
    "avatarsite.http.form_data.WholeForms",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_TEMP_DIR = VAR_DIR / "tmp"  # with ours (avatarsite/temporary_files.py), so that what is left there is swept
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FILES = 4

# --- People ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "avatarsite.workspaces.signing_in.known.SignedIn",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True  # one address a person; a new one takes over once it's confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"confirm_email": "1/m/key"}  # the rest as allauth has them
ACCOUNT_ADAPTER = "avatarsite.workspaces.allauth_adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "avatarsite.workspaces.forms.SignInForm",
    "signup": "avatarsite.workspaces.forms.SignUpForm",
    "add_email": "avatarsite.workspaces.forms.AddEmailForm",
    "change_password": "avatarsite.workspaces.forms.ChangePasswordForm",
    "set_password": "avatarsite.workspaces.forms.SetPasswordForm",
    "reset_password": "avatarsite.workspaces.forms.ResetPasswordForm",
    "reset_password_from_key": "avatarsite.workspaces.forms.ResetPasswordKeyForm",
    "reauthenticate": "avatarsite.workspaces.forms.ReauthenticateForm",
}
# How many proxies of ours stand in front, so that rate limits count the client and not the proxy. 0 believes nobody.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0)
MFA_ADAPTER = "avatarsite.workspaces.allauth_adapter.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SITE_URL.startswith("https://")  # then browsers allow localhost alone
MFA_TOTP_ISSUER = "Avatar Studio"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody is signed in without a confirmed address; a second one may be waiting
MFA_TOTP_TOLERANCE = 1  # one step of clock drift either way
MFA_FORMS = {
    "authenticate": "avatarsite.workspaces.forms.CodeForm",
    "reauthenticate": "avatarsite.workspaces.forms.ReauthenticateCodeForm",
    "activate_totp": "avatarsite.workspaces.forms.ActivateTwoFactorForm",
    "add_webauthn": "avatarsite.workspaces.forms.AddPasskeyForm",
}
# Sign-in with the account that people have at their company: off without an address of its server.
OIDC_SERVER_URL = env.url("OIDC_SERVER_URL")
OIDC_NAME = env.text("OIDC_NAME", "your company")
SAML_SSO_URL = env.url("SAML_SSO_URL")
SAML_NAME = env.text("SAML_NAME", "your company")
SAML_ENTITY_ID = env.text("SAML_ENTITY_ID")
SAML_CERTIFICATE = env.text("SAML_CERTIFICATE")
SAML_ATTRIBUTES = {
    "email": [
        "urn:oid:0.9.2342.19200300.100.1.3",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "email",
        "mail",
    ],
    "name": [
        "urn:oid:2.16.840.1.113730.3.1.241",
        "http://schemas.microsoft.com/identity/claims/displayname",
        "displayName",
        "name",
    ],
}
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_SERVER_URL:
    INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"]
    _company = {
        "provider_id": "company",
        "name": OIDC_NAME,
        "client_id": env.text("OIDC_CLIENT_ID"),
        "secret": env.text("OIDC_CLIENT_SECRET"),
        # Whoever runs the service names the company's server, so the addresses that it has confirmed are.
        "settings": {"server_url": OIDC_SERVER_URL, "email_authentication": True},
    }
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {"APPS": [_company], "OAUTH_PKCE_ENABLED": True}
if SAML_SSO_URL:
    if not SAML_ENTITY_ID or not SAML_CERTIFICATE:
        raise ImproperlyConfigured("SAML_SSO_URL needs SAML_ENTITY_ID and SAML_CERTIFICATE beside it.")
    INSTALLED_APPS += ["allauth.socialaccount.providers.saml"]
    _company = {
        "provider_id": "saml",
        "name": SAML_NAME,
        "client_id": "company",
        "settings": {
            "sp": {"entity_id": f"{SITE_URL}/account/saml/company/metadata/"},
            "idp": {
                "entity_id": SAML_ENTITY_ID,
                "sso_url": SAML_SSO_URL,
                "x509cert": SAML_CERTIFICATE,
            },
            "attribute_mapping": SAML_ATTRIBUTES,
            # An assertion says nothing of confirmation: the company answers for these domains, and for no other.
            "verified_email": env.words("SAML_DOMAINS"),
            "email_authentication": True,
            "advanced": {"want_attribute_statement": False, "want_name_id": True},
        },
    }
    SOCIALACCOUNT_PROVIDERS["saml"] = {"APPS": [_company]}
    # A page of the company's posts the assertion: it comes without a cookie, before anybody has shown who they are.
    ENTRY_POINTS += (("/account/saml", "avatarsite.http.entry_points.as_text", 256 * 1024),)
if SOCIALACCOUNT_PROVIDERS:
    INSTALLED_APPS += ["allauth.socialaccount"]
    SOCIALACCOUNT_ADAPTER = "avatarsite.workspaces.signing_in.company.CompanyAdapter"
    SOCIALACCOUNT_LOGIN_ON_GET = True  # a link: form-action of our policy keeps a form from leading elsewhere
    SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
INVITATION_DAYS = 14
# Name servers that are asked for the records of mail domains; without any the machine's own.
DNS_SERVERS = env.words("DNS_SERVERS")
# Who of staff may look at the dashboard as whom.
HIJACK_PERMISSION_CHECK = "avatarsite.staff.view_as.may_view_as"

# --- E-mail: files in var/mail unless EMAIL_URL names a server -------------------------------------------------------

DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Avatar Studio <studio@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
OPERATOR_EMAIL = env.words("OPERATOR_EMAIL")
EMAIL_URL = env.url("EMAIL_URL", schemes=("smtps", "smtp"))
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if EMAIL_URL else "django.core.mail.backends.filebased.EmailBackend"
)
if EMAIL_URL:
    _mail = urlsplit(EMAIL_URL)
    EMAIL_HOST = _mail.hostname or ""
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER = _mail.username or ""
    EMAIL_HOST_PASSWORD = _mail.password or ""
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp" and EMAIL_PORT != 25
    EMAIL_TIMEOUT = 10  # at each step of a conversation; the sender's round counts on it (avatarsite/mail/sender.py)

# --- Trust -----------------------------------------------------------------------------------------------------------

_BUCKET_HOSTS = [address for address in (S3_PUBLIC_ENDPOINT_URL or S3_ENDPOINT_URL,) if address]
if S3_BUCKET and not _BUCKET_HOSTS:
    _BUCKET_HOSTS = ["https://*.amazonaws.com"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *_BUCKET_HOSTS],
        "media-src": [SELF, "blob:", *_BUCKET_HOSTS],
        "connect-src": [SELF, *_BUCKET_HOSTS],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "avatarsite.workspaces.signing_in.known"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 30 * 24 * 3600
if SITE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
    SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 30 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.flag("HSTS_PRELOAD", default=False)
# Whether other hosts of the domain speak https, and may go on browsers' lists, is for whoever owns it to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# --- The product -----------------------------------------------------------------------------------------------------

PRICE_MARKUP_PERCENT = env.decimal("PRICE_MARKUP_PERCENT", "0")
# The draft engine's price, so that the money path can be seen without a provider.
DRAFT_PRICE_PER_SECOND = env.decimal("DRAFT_PRICE_PER_SECOND", "0")
# Dollars of bonus credit for each new person, and the days that it lasts; 0 dollars is none, 0 days is for ever.
WELCOME_CREDIT = env.decimal("WELCOME_CREDIT", "0")
WELCOME_CREDIT_DAYS = env.integer("WELCOME_CREDIT_DAYS", 30)
# How far a provider's reported cost may be from the price book's before the operator is told.
COST_DRIFT_PERCENT = env.integer("COST_DRIFT_PERCENT", 5)
LOW_BALANCE_DOLLARS = env.integer("LOW_BALANCE_DOLLARS", 20)
# Jobs of ours that a provider has at once; above it they wait here. 0 is no limit: fal queues whatever comes.
PROVIDERS_AT_ONCE = {
    "runware": env.integer("RUNWARE_AT_ONCE", 50),
    "fal": env.integer("FAL_AT_ONCE", 0),
    "aimlapi": env.integer("AIMLAPI_AT_ONCE", 20),
    # Drafts are drawn on our own processors. The media sandbox reads it, too, and keeps to it on each host.
    "local": env.integer("LOCAL_AT_ONCE", 2, least=1),
}
# Drafts that may wait for their place, and seconds of video a day that cost nothing; 0 is no limit.
DRAFTS_WAITING = {
    "workspace": env.integer("DRAFTS_WAITING", 300, least=0),
    "token": env.integer("DRAFTS_WAITING_PER_TOKEN", 200, least=0),
}
FREE_SECONDS_A_DAY = {
    "workspace": env.integer("FREE_SECONDS_A_DAY", 7_200, least=0),
    "token": env.integer("FREE_SECONDS_A_DAY_PER_TOKEN", 3_600, least=0),
}
# Requests a second, submits and polls together; 0 is no limit. docs/configuration.md says where they come from.
PROVIDERS_PER_SECOND = {
    "runware": float(env.decimal("RUNWARE_PER_SECOND", "10")),
    "fal": float(env.decimal("FAL_PER_SECOND", "10")),
    "aimlapi": float(env.decimal("AIMLAPI_PER_SECOND", "3")),
}
# Finished files go to public https addresses only, and to these origins of our own, such as a bucket in the same house.
TRUSTED_UPLOAD_ENDPOINTS = env.words("TRUSTED_UPLOAD_ENDPOINTS")
# Portraits and voices that come as an address are fetched from public addresses only, and from these origins.
TRUSTED_MEDIA_SOURCES = env.words("TRUSTED_MEDIA_SOURCES")
# Webhooks go to public https addresses only, and to these hosts, with a port or for all ports.
TRUSTED_WEBHOOK_ENDPOINTS = env.words("TRUSTED_WEBHOOK_ENDPOINTS")
# What signs the C2PA manifest of each video, as PEM; without them a development certificate that says what it is.
C2PA_PRIVATE_KEY = env.text("C2PA_PRIVATE_KEY")
C2PA_CERTIFICATES = env.text("C2PA_CERTIFICATES")
LOCAL_ENGINE_DIR = VAR_DIR / "draft-engine"
# A folder of further voices for scripts, NAME.onnx and NAME.onnx.json; the extra "speech" brings one.
VOICES_DIR = env.text("VOICES_DIR")
# From which score on a picture is marked: 0 is every picture, 1 next to none.
CONTENT_CHECK_THRESHOLD = float(env.decimal("CONTENT_CHECK_THRESHOLD", "0.8"))
# Called by whoever starts web processes and clusters, which then share what it loads.
BEFORE_FORKS = ("studio.storage.local.warm_up",)
# Called by whoever starts the web processes, so that the first request finds it there.
WARM_UP = (*BEFORE_FORKS, "studio.media.sandbox.keep_warm", "studio.agents.server.warm_up")
# Called in each web process as it starts.
STARTED_WITH = ("avatarsite.monitoring.standstill.keep_watch",)
# Requests that may wait for a thread of a web process, and how long; beyond it the answer is 503. 0 is no limit.
WEB_WAITING = env.integer("WEB_WAITING", 500, least=0)
WEB_WAIT_SECONDS = env.integer("WEB_WAIT_SECONDS", 5, least=0)
# Read by the media sandbox itself, which needs no Django; 0 goes by the number of processors.
MEDIA_AT_ONCE = env.integer("MEDIA_AT_ONCE", 0, least=0)
CONVERSIONS_AT_ONCE = env.integer("CONVERSIONS_AT_ONCE", 0, least=0)

# --- Stripe: top-ups are off without a key. docs/billing.md says what a restricted key needs --------------------------

STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY")
if STRIPE_SECRET_KEY and not STRIPE_SECRET_KEY.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
    raise ImproperlyConfigured("STRIPE_SECRET_KEY must start with rk_live_, rk_test_, sk_live_ or sk_test_.")
# Two, divided by a comma, while one takes over from the other.
STRIPE_WEBHOOK_SECRET = env.words("STRIPE_WEBHOOK_SECRET")
STRIPE_API_BASE = env.url("STRIPE_API_BASE") or "https://api.stripe.com"
# Where Checkout and the portal live.
_STRIPE_PAGES = (
    ["https://checkout.stripe.com", "https://billing.stripe.com", "https://hooks.stripe.com"]
    if STRIPE_API_BASE == "https://api.stripe.com"
    else [STRIPE_API_BASE]
)
# Tax by Stripe Tax, on top of the price.
STRIPE_TAX = env.flag("STRIPE_TAX", default=False)
STRIPE_TAX_CODE = env.text("STRIPE_TAX_CODE")
if STRIPE_SECRET_KEY:
    # A browser holds a form's whole way to form-action, and the way to pay ends at Stripe.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] = [SELF, *_STRIPE_PAGES]

# --- Providers: each is offered as soon as its key is set. The addresses are for a test or a proxy -------------------

RUNWARE_API_KEY = env.text("RUNWARE_API_KEY")
RUNWARE_URL = env.url("RUNWARE_URL") or "https://api.runware.ai/v1"
FAL_KEY = env.text("FAL_KEY")
FAL_QUEUE_URL = env.url("FAL_QUEUE_URL") or "https://queue.fal.run"
FAL_REST_URL = env.url("FAL_REST_URL") or "https://rest.fal.ai"
FAL_PLATFORM_URL = env.url("FAL_PLATFORM_URL") or "https://api.fal.ai/v1"
FAL_CDN_URL = env.url("FAL_CDN_URL") or "https://v3.fal.media"
AIMLAPI_KEY = env.text("AIMLAPI_KEY")
AIMLAPI_URL = env.url("AIMLAPI_URL") or "https://api.aimlapi.com"

# The addresses above are stand-ins of the providers (`make simulate`), and every page says so.
STAND_INS = env.flag("STAND_INS", default=False)

# --- The admin site's look; its colours are in static/css/pages/desk.css --------------------------------------------

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Avatar Studio",
    "SITE_HEADER": "Avatar Studio",
    "SITE_ICON": lambda _request: static("img/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/mark.svg")},
    ],
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": "avatarsite.admin.site.colours",
    "STYLES": [
        lambda _request: static("css/tokens.css"),
        lambda _request: static("css/pages/desk.css"),
        lambda _request: static("css/pages/books.css"),
    ],
    "SCRIPTS": [lambda _request: static("js/desk.js")],
    "SIDEBAR": {"show_search": True, "navigation": "avatarsite.admin.site.navigation"},
}

# --- The API ---------------------------------------------------------------------------------------------------------

# Requests of one token in a minute; 0 is no limit.
API_READS_PER_MINUTE = env.integer("API_READS_PER_MINUTE", 600)
API_WRITES_PER_MINUTE = env.integer("API_WRITES_PER_MINUTE", 240)
# The longest that a request may wait for a render's end (avatarsite/web/places.py says how many may).
API_WAIT_SECONDS = env.integer("API_WAIT_SECONDS", 60)
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "avatarsite.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "avatarsite.api.problems.answer_exception",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Avatar Studio",
    "DESCRIPTION": "One portrait and one voice become a metered talking-avatar video.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    # "/" is wherever the document was fetched.
    "SERVERS": [{"url": PUBLIC_URL or "/"}],
    "TAGS": [
        {"name": name}
        for name in ("Me", "Catalogue", "Uploads", "Renders", "Papers", "Batches", "Projects", "Money", "Webhooks")
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["avatarsite.api.schema.ours"],
    "POSTPROCESSING_HOOKS": ["avatarsite.api.schema.complete"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
# Other sites' pages may call the API from a browser only if they are named here; a token in a page is everybody's.
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
# fal's clients run in pages, and fal answers every page; so do its routes here (studio/gateway/apps.py).
CORS_URLS_REGEX = r"^/(api|compat/fal)/"
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "user-agent"),
    *("x-fal-file-name", "x-fal-no-retry", "x-fal-object-lifecycle", "x-fal-object-lifecycle-preference"),
    *("x-fal-queue-priority", "x-fal-request-timeout", "x-fal-runner-hint", "x-fal-store-io", "x-fal-target-url"),
]
CORS_EXPOSE_HEADERS = [
    *("etag", "location", "ratelimit", "ratelimit-policy", "retry-after", "idempotency-replayed", "x-request-id"),
    *("x-fal-error-type", "x-fal-needs-retry", "x-fal-object-lifecycle", "x-fal-request-id"),
    *("x-fal-request-timeout-type", "x-fal-retryable"),
]
INSTALLED_APPS.append("corsheaders")
MIDDLEWARE.insert(0, "corsheaders.middleware.CorsMiddleware")

# --- Metrics: off without a token. Web processes and workers of one host share the folder --------------------------

METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_DIR = Path(env.text("METRICS_DIR", str(VAR_DIR / "metrics")))
if METRICS_TOKEN:
    METRICS_DIR.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)  # as the library wants to be told
MIDDLEWARE.insert(0, "avatarsite.monitoring.requests.SeenFromOutside")

# --- Logs ------------------------------------------------------------------------------------------------------------

LOG_FORMAT = env.choice("LOG_FORMAT", "text", logs.FORMATS)
LOGGING = logs.logging_config(LOG_FORMAT, env.text("LOG_LEVEL", "WARNING"))

# --- Sentry: off without an address --------------------------------------------------------------------------------

SENTRY_DSN = env.url("SENTRY_DSN")
if SENTRY_DSN:
    tell_sentry(SENTRY_DSN, env.text("SENTRY_ENVIRONMENT", "production"))
