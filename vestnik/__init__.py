"""Vestnik: SMS mailings that start by themselves, reach each client once and stop at the end."""
