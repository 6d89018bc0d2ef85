"""A naive sender, which shows that the kill tests can fail: it checks the state, sends, then
updates.

`python -m tests.pipeline.naive URL MAILING` sends the queued messages of a mailing.
"""

import sys
import time

import psycopg

GATEWAY_ANSWERS_AFTER = 0.005

QUEUED = """
SELECT id, phone_number FROM dispatch_message WHERE mailing_id = %s AND state = 'queued' LIMIT 1
"""
SENT = "UPDATE dispatch_message SET state = 'sent', sent_at = now() WHERE id = %s"


def send_all(url: str, mailing: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while row := connection.execute(QUEUED, (mailing,)).fetchone():
            message, phone = row
            print(f'SMS {phone} mailing={mailing} message={message} text="x"', flush=True)
            time.sleep(GATEWAY_ANSWERS_AFTER)
            connection.execute(SENT, (message,))


if __name__ == "__main__":
    send_all(sys.argv[1], int(sys.argv[2]))
