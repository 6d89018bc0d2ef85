"""Django's settings, all from the environment; `.env.example` lists every variable."""

import secrets
from datetime import timedelta
from logging import DEBUG as DEBUG_LEVEL
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from vestnik import env
from vestnik.db.sessions import OUR_SIDE
from vestnik.logging import configured

env.load()

BASE_DIR = Path(__file__).resolve().parent
VESTNIK_HOME = env.home()

DEBUG = env.flag("DEBUG")
# Without the variable each process has a random key. Commands that sign nothing work with it; web
# and workers refuse to start (`env.require_secret_key`).
SECRET_KEY = env.Hidden(env.text("SECRET_KEY") or secrets.token_urlsafe(50))
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "vestnik.access",
    "vestnik.audience",
    "vestnik.mailings",
    "vestnik.dispatch",
    "vestnik.reports",
    "vestnik.providers",
    "vestnik.api",
    "vestnik.dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
]

MIDDLEWARE = [
    "vestnik.middleware.request_checks.time_limit",
    "vestnik.middleware.request_checks.request_text",
    "django.middleware.security.SecurityMiddleware",
    "vestnik.api.ops.health.probes",
    "vestnik.middleware.compression.CompressedText",
    "vestnik.dashboard.web.static_files.HashedWhiteNoise",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "vestnik.dashboard.web.middleware.strict_pages",
    "vestnik.dashboard.web.middleware.operators_zone",
    "vestnik.dashboard.web.middleware.as_the_page_is",
    "vestnik.dashboard.web.middleware.form_was_read",
    "vestnik.dashboard.web.middleware.seen_sessions",
    "axes.middleware.AxesMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

ROOT_URLCONF = "vestnik.urls"
WSGI_APPLICATION = "vestnik.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vestnik.dashboard.web.context_processors.page_frame",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "vestnik.dashboard.templatetags.vestnik",
            ],
        },
    },
]

# --- PostgreSQL: the source of truth ---------------------------------------------------------
_database = environ.Env.db_url_config(env.database_url() or "postgresql:///vestnik")
_options = _database.get("OPTIONS", {})
for _name in ("password", "sslpassword"):
    if _name in _options:
        _options[_name] = env.Hidden(_options[_name])
# The pool waits ten seconds for a connection, then the request is answered 503. Statements are
# prepared at their fifth run by psycopg; those of the hot path at once (vestnik.db.sql).
_database["OPTIONS"] = {
    **OUR_SIDE,
    **_options,
    "pool": {"min_size": 1, "max_size": env.number("DATABASE_POOL_SIZE", 20), "timeout": 10},
    "connect_timeout": 5,
    "prepare_threshold": 5,
    "application_name": "vestnik",
}
_database["CONN_HEALTH_CHECKS"] = True
_database["CONN_MAX_AGE"] = 0  # the pool keeps the connections
_database["PASSWORD"] = env.Hidden(_database.get("PASSWORD") or "")
_database["ENGINE"] = "vestnik.db"
if not env.database_url():
    # Commands without a database (makemigrations, check) must not wait ten seconds for one.
    _database = {"ENGINE": "django.db.backends.dummy"}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery over Redis or Valkey: wake-ups, never state ----------------------------------------
REDIS_URL = env.Hidden(env.redis_url() or "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = env.Hidden(env.celery_url(REDIS_URL))
# No results, and no retries in the caller: a wake-up that cannot be published is found by the
# scheduler.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A Redis with a full disk or memory answers with an error: the worker waits and does not exit.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
    "retry_on_timeout": False,
    **env.celery_options(REDIS_URL),
}
# One task at a time for each thread, so that a busy worker holds no tasks that another could run.
# The direct queue carries the worker's own heartbeat (consumer_watchdog).
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DIRECT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_DEFAULT_QUEUE = "vestnik"
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# Empty: workers and `vestnik beat` run periodic jobs in threads
# (vestnik.dispatch.runtime.periodic_jobs). Messages of a scheduler would pile up in the broker
# while no worker runs, and their expiry would compare the clocks of two hosts (decision 0028).
CELERY_BEAT_SCHEDULE: dict[str, object] = {}

# --- Mailings -----------------------------------------------------------------------------------
# Years from now, in the past and in the future, between which a mailing may start and end.
MAILING_HORIZON_YEARS = env.number("MAILING_HORIZON_YEARS", 5)
if not 1 <= MAILING_HORIZON_YEARS <= 100:
    raise ImproperlyConfigured("MAILING_HORIZON_YEARS: write a number of years from 1 to 100.")

# --- Providers ---------------------------------------------------------------------------------
SMS_PROVIDERS = env.providers()
SMS_DEFAULT_PROVIDER = env.text("DEFAULT_SMS_PROVIDER", "console")

# A client who sends one of these words is put on the stop list.
STOP_WORDS = env.words("STOP_WORDS", "СТОП,STOP,ОТПИСКА,ОТПИСАТЬСЯ,ОТПИСАТЬ,ОТКАЗ,UNSUBSCRIBE")

# Landline and toll-free numbers: `accept` keeps them and never sends to them, `refuse` refuses
# them.
NUMBERS_WITHOUT_SMS = env.choice("NUMBERS_WITHOUT_SMS", "accept", ("accept", "refuse"))

# --- Authentication and sessions ---------------------------------------------------------------
AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "vestnik.access.backends.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_ENGINE = "vestnik.access.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "vestnik.error_handlers.csrf_failure"

# Behind a proxy: whether it serves TLS to the browser, and the number of proxies.
WEB_HTTPS = env.flag("WEB_HTTPS")
WEB_PROXIES = env.number("WEB_PROXIES", int(WEB_HTTPS))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = WEB_HTTPS
if WEB_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Live pages: streams of each process, one thread each. Further clients fall back to polling.
LIVE_STREAMS = env.number("WEB_STREAMS", 250)

# --- Lockout after wrong passwords, by user name and address together (decision 0143) ------------
AXES_FAILURE_LIMIT = 10
# A failure counts for a quarter of an hour, and a locked name waits as long.
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "vestnik.access.lockout.attempted_name"
AXES_CLIENT_IP_CALLABLE = "vestnik.access.visitor.address"
AXES_LOCKOUT_CALLABLE = "vestnik.dashboard.account.login.locked_out"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# --- Time limit of a request ------------------------------------------------------------------
WEB_REQUEST_SECONDS = env.number("WEB_REQUEST_SECONDS", 30)
if WEB_REQUEST_SECONDS < 1:
    raise ImproperlyConfigured("WEB_REQUEST_SECONDS: write a number of seconds, 1 or more.")

# --- The API -----------------------------------------------------------------------------------
# The largest body kept in memory: 10,000 clients of clients/bulk/. Each parser has its own limit
# below.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "vestnik.dashboard.web.uploads.UploadLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["vestnik.api.http.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["vestnik.api.http.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["vestnik.api.http.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "vestnik.api.http.exception_handler.problem_response",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vestnik",
    "DESCRIPTION": "SMS mailings that start by themselves, reach each client once and stop at "
    "the end. Errors are application/problem+json (RFC 9457). Instants need an offset and are "
    "answered in UTC.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "MailingState": "vestnik.mailings.models.MailingState.choices",
        "MessageState": "vestnik.dispatch.states.MessageState.choices",
        "BulkStatus": "vestnik.api.clients.bulk.STATUSES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "vestnik.api.http.schema.with_problems",
        "vestnik.api.http.schema.with_headers",
        "vestnik.api.http.schema.with_summaries",
        "vestnik.api.http.schema.with_exact_bodies",
    ],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
}

# --- Logs: structured, on standard error, without phone numbers --------------------------------
LOGGING = configured(
    level=env.text("LOG_LEVEL", "INFO").upper(), form=env.text("LOG_FORMAT", "console")
)
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DEBUG_LEVEL
DJANGO_STRUCTLOG_USER_ID_FIELD = None

# --- Language, time, files ---------------------------------------------------------------------
# The language of logs, commands and stored reasons. A page uses the language of its user.
LANGUAGE_CODE = "en"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
TIME_ZONE = env.text("TIME_ZONE", "Europe/Moscow")
LANGUAGE_COOKIE_AGE = timedelta(days=365).total_seconds()
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "dashboard" / "locale"]
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
# Only for `collectstatic`: the files are served from the packages' own folders (decision 0127).
STATIC_ROOT = env.text("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "vestnik.dashboard.web.static_files.HashedStorage"},
}
