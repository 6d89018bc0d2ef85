"""What is sent, to whom, and when: mailings, their window and their text."""
