"""snippets.py PAGE FOLDER: every fenced snippet of code in the page is in a file of the folder, to the letter."""
import pathlib
import re
import sys

page, folder = map(pathlib.Path, sys.argv[1:])
sources = [file.read_text() for file in folder.iterdir() if file.is_file() and file.suffix != ".md"]
snippets = re.findall(r"^```(?:cpp|cmake)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
missing = [snippet for snippet in snippets if not any(snippet in source for source in sources)]
for snippet in missing:
    print(f"{page.name}: not in {folder.name}:\n{snippet}")
sys.exit(1 if missing or not snippets else 0)
