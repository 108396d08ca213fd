"""clew.run: one call from a notebook or a script, and what can be asked of its result."""

import clew


class Shouting(clew.Node):
    """An echo that is defined right here."""

    workload = "echo"

    @clew.on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"].upper()})


print(clew.run("echo", seed=7))
print()

result = clew.run(Shouting, runs=5, time_limit=5)
print(result)
print()
print(result.shrink().story())
