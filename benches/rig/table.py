"""The table of goals: what must be reached, what is aimed at, and how a figure is read against both."""

import json

REACHED = ("missed", "must", "aim")

# name: (what, unit of what is judged, must, aim, whether more is better)
GOALS = {
    "G1": ("stimuli over HTTP, durable, 64 producers: deliveries/s", "of oha", 0.17, 0.25, True),
    "G2": ("the same, 256 producers", "of oha", 0.25, 0.35, True),
    "G3": ("load, journeys in process, on disk: deliveries/s", "of oha", 0.30, 0.45, True),
    "G4": ("load --outbox memory: deliveries/s", "of oha", 0.8, 1.2, True),
    "G5": ("processor time per delivery in G3", "us", 50, 30, False),
    "G6": ("durable answer to arrival at 100/s, p99", "ms", 0.5, 0.2, False),
    "G7": ("POST to arrival at 100/s, p99", "ms", 2, 1, False),
    "G8": ("memory (PSS), {pending} pending, the most seen", "MiB", (256, 512), (128, 192), False),
    "G9": ("ready after SIGKILL, {pending} pending", "s", (3, 25), (1, 3), False),
    "G9b": ("first delivery after the kill, {pending} pending", "s", (3, 25), (1, 3), False),
    "G10": ("healthy webhook beside one that hangs", "of alone", 0.95, 0.99, True),
    "G10b": ("100 healthy webhooks beside 900 dead", "of alone", 0.95, 0.99, True),
    "G11": ("throughput with {pending} pending", "of empty", (0.9, 0.6), (0.97, 0.9), True),
    "G11b": ("throughput at 10,000 webhooks, of that at one", "of one", 0.8, 0.95, True),
    "G12": ("open-loop pace not kept, at half of G3's rate", "%", 1, 0.1, False),
    "G13": ("disk after the last round of filling and draining", "of round 1", 1.2, 1.0, False),
    "P1": ("a page of 100 of {pending} deliveries, p99", "ms", 100, 50, False),
    "P2": ("throughput while somebody looks at ten pages a second", "of alone", 0.95, 0.99, True),
}


class Table:
    """Rows as they are measured; printed in the order of the goals."""

    def __init__(self, head):
        self.head, self.rows, self.notes = head, [], []

    def goal(self, name, value, judged, column=0, **words):
        """A figure that is judged: `value` as it reads, `judged` the number that must and aim are about."""
        what, unit, must, aim, more = GOALS[name]
        must, aim = (goal[column] if isinstance(goal, tuple) else goal for goal in (must, aim))
        meets = (lambda goal: judged >= goal) if more else (lambda goal: judged <= goal)
        reached = REACHED[2] if meets(aim) else REACHED[1] if meets(must) else REACHED[0]
        row = dict(name=name, what=what.format(**words), value=value, judged=judged, unit=unit, must=must, aim=aim)
        self.rows.append(row | {"reached": reached})

    def note(self, what, value, name=""):
        """A figure beside: nothing is asked of it."""
        self.notes.append(dict(name=name, what=what, value=value))

    def print(self):
        """The table, goals first."""
        order = list(GOALS)
        self.rows.sort(key=lambda row: order.index(row["name"]))
        print(self.head + "\n")
        print(f"{'#':<4} {'what':<56} {'value':>14} {'judged':>9} {'':<10} {'must':>5} {'aim':>5}  reached")
        for row in self.rows:
            name = row["name"].rstrip("b")
            judged = f"{row['judged']:.3g}" if row["judged"] < 1000 else f"{row['judged']:.0f}"
            print(f"{name:<4} {row['what']:<56} {row['value']:>14} {judged:>9} {row['unit']:<10}", end=" ")
            print(f"{row['must']:>5} {row['aim']:>5}  {row['reached']}")
        if self.notes:
            print("\nbeside")
        for note in self.notes:
            print(f"{note['name']:<4} {note['what']:<86} {note['value']}")

    def write(self, path):
        """The same for programs."""
        with open(path, "w") as file:
            json.dump({"head": self.head, "rows": self.rows, "notes": self.notes}, file, indent=1)
            file.write("\n")
