"""The parts of a Markdown report, each escaped: the comment and the step summary lay them out."""
