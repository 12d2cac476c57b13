"""Makes the pictures of README and docs/ from real runs: `make pictures`. Needs a browser, chromium say."""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).parent
HARNESS = str(Path(sys.executable).with_name("harness"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH = 1060
COLORS = 64
"""Of a picture: charts have few, and a picture of few is small."""

SHOTS: dict[str, tuple[tuple[str, ...], int]] = {
    "report": (("run", "--sample", "--thumbnails", "npi"), 1_900),
    "projection": (("project",), 1_500),
    "sweep": (("sweep", "--batch-pages", "1,5,15,30", "--memory", "1024,1769,3008", "--seeds", "2"), 1_650),
    "exploration": (("explore", "--seeds", "100", "--no-sometimes"), 2_100),
}
"""Picture -> (the command whose page it shows, pixels of its height)."""


def shoot(page: Page, folder: Path, name: str, height: int) -> None:
    page.goto((folder / "report.html").as_uri())
    page.wait_for_timeout(500)
    if name == "report":  # of a few files, with the pages of one of them open
        page.locator("#files-tools input").fill("card_number")
        page.locator(".pictures, table.long button.button").first.click()
        page.wait_for_timeout(300)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
    shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(DOCS / f"{name}.png", optimize=True)


def main(wanted: list[str]) -> None:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        sys.exit("pictures: no browser is installed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as runs, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        for name, (words, height) in SHOTS.items():
            if wanted and name not in wanted:
                continue
            out = Path(runs) / name
            subprocess.run([HARNESS, *words, "--quiet", "--out", str(out)], cwd=DOCS.parent, check=True)
            shoot(page, out, name, height)
            print(f"docs/{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
