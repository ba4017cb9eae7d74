"""From one text source per exercise set to the practice page and the student's notebook."""
