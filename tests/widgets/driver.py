"""Moves a widget in a page as a reader does, and reads what it shows."""

import re

from nnlib.widgets.panels import number

ADDRESS = "http://book.test/"  # where the tests serve pages from memory


def readings(widget, values):
    """The texts that a widget's readouts must show: its function computed afresh, formatted by Python."""
    results = widget.compute(**values)
    texts = {}
    for readout in widget.readouts:
        value = results[readout.key]
        texts[readout.key] = value if isinstance(value, str) else number(float(value), readout.format)
    return texts


def walks(widget):
    """Control values to visit: each control at its least, middle and most, the others at their defaults."""
    for control in widget.controls:
        for i in sorted({0, len(control.values) // 2, len(control.values) - 1}):
            yield {control.name: control.values[i]}


class Card:
    """A widget in a page."""

    def __init__(self, page, widget):
        self.page, self.widget = page, widget
        self.root = page.locator(f"#{widget.name}")

    def control(self, name):
        return self.root.locator(f"[data-control={name}]")

    def press(self, action):
        self.root.locator(f"[data-action={action}]").click(force=True)  # also where it is off

    def move(self, values, by):
        """Set controls by "mouse" or "keyboard"."""
        for name, value in values.items():
            control = next(c for c in self.widget.controls if c.name == name)
            element, index = self.control(name), control.index(value)
            if control.kind == "menu" and by == "mouse":
                element.select_option(index=index)  # the list of a menu is outside the page, where no click reaches
            elif control.kind == "menu":
                element.focus()
                self.page.keyboard.press("Home")
                for _ in range(index):
                    self.page.keyboard.press("ArrowDown")
            elif by == "mouse":
                most, box = int(element.get_attribute("max")), element.bounding_box()
                thumb = 16
                x = thumb / 2 + (box["width"] - thumb) * min(index, most) / most
                element.click(position={"x": x, "y": box["height"] / 2})
            else:
                element.focus()
                self.page.keyboard.press("Home")
                for _ in range(index):
                    self.page.keyboard.press("ArrowRight")

    def readings(self):
        """The numbers shown, by name."""
        shown = self.root.locator("[data-readout]").all()
        return {element.get_attribute("data-readout"): element.inner_text() for element in shown}

    def says(self):
        return self.root.locator(".nnw-says").text_content()

    def table(self, panel):
        """The texts of a table's cells."""
        rows = self.root.locator(f"[data-panel='{panel}'] tbody tr").all()
        return [row.locator("td").all_inner_texts() for row in rows]

    def shapes(self, panel, mark, attribute="d"):
        """An attribute of all elements that a mark has drawn."""
        drawn = self.root.locator(f"[data-panel='{panel}'] [data-mark='{mark}'] > *")
        return drawn.evaluate_all("(nodes, name) => nodes.map((n) => n.getAttribute(name))", attribute)

    def scale(self, panel):
        """A function from pixels to the data of a panel with linear axes."""
        figure = self.root.locator(f"[data-panel='{panel}']")
        left, top, right, bottom = map(float, figure.get_attribute("data-plot").split())
        x0, y1, x1, y0 = map(float, figure.get_attribute("data-limits").split())
        return lambda x, y: (
            x0 + (x - left) / (right - left) * (x1 - x0),
            y0 + (bottom - y) / (bottom - top) * (y1 - y0),
        )


def path_points(path):
    """The corner points of an SVG path of absolute moves and lines."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", path)]
