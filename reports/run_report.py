from pathlib import Path
def write(directory: Path) -> None:
    (directory/"report.html").write_text("")
