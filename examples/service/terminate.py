"""terminate.py SERVICE: ends the service with SIGTERM in the middle of its work, and checks that nothing is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

ORDERS = 300


def check(holds, promise, output):
    print("  [ok]  " if holds else "  [FAIL]", promise)
    if not holds:
        sys.exit("the service said:\n" + output)


class Service:
    def __init__(self, *arguments):
        command = [sys.argv[1], "shop-%d" % os.getpid(), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = ""

    def lines(self):
        for line in self.process.stdout:
            self.output += line
            yield line.strip()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        self.output += self.process.stdout.read()
        return self.process.wait()

    def fulfilled(self):
        return re.findall(r"^fulfilled (order-\d+)$", self.output, re.MULTILINE)

    def left(self):
        return int(re.search(r"left for the next start: (\d+)", self.output).group(1))


first = Service(str(ORDERS))
address, count = None, 0
for line in first.lines():
    address = address or (line.startswith("health on") and line.split()[-1])
    count += line.startswith("fulfilled")
    if address and count >= 20:
        break
with urllib.request.urlopen(address, timeout=30) as reply:
    health = json.load(reply)
print("health:", json.dumps(health))
check(health["status"] == "green" and health["connected"] and health["consuming"], "the service is healthy", first.output)

code = first.terminate()
done = first.fulfilled()
check(code == 0, "SIGTERM ends it with exit code 0: all orders are accounted for", first.output)
check(20 <= len(done) < ORDERS, "it stopped in the middle, after %d of %d orders" % (len(done), ORDERS), first.output)
check(len(done) + first.left() == ORDERS, "the other %d are left for the next start" % first.left(), first.output)
check("handler 'fulfil' took" in first.output, "the slow order was warned about", first.output)

if os.environ.get("EVENTBUS_BACKEND", "memory") != "memory":  # memory ends with its process
    second = Service()
    missing = {"order-%d" % i for i in range(1, ORDERS + 1)} - set(done)
    for line in second.lines():
        missing.discard(line.removeprefix("fulfilled "))
        if not missing:
            break
    check(second.terminate() == 0, "the second start ends well too", second.output)
    everything = done + second.fulfilled()
    check(not missing, "it fulfilled what was left", second.output)
    check(len(everything) == len(set(everything)) == ORDERS, "no order was fulfilled twice", second.output)
    check(second.left() == 0, "nothing is left", second.output)
