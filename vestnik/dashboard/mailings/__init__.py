"""The pages of mailings: the list, the editor, the detail page, the report."""
