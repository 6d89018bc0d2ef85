"""Downloads: tables as CSV and XLSX files."""
