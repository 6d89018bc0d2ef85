"""A directory of clients, made in one statement."""

MAKE_CLIENTS = """
INSERT INTO audience_client (phone_number, operator_code, tag, timezone, attributes)
SELECT (79000000000 + n)::text, substr((79000000000 + n)::text, 2, 3), 'tag' || n %% 5,
    'Europe/Moscow', '{}'
FROM generate_series(%s::bigint, %s::bigint) AS n
"""
