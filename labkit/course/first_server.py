"""The POP3 server of notebook 13, whole, as a learner writes it in eight stages (RFC 1939)."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, union-attr"

from labkit.course.pop_server import PopServer


class FirstServer(PopServer):
    """One session: `name` from USER, `account` once logged in, `letters` by number, without those marked."""

    def greet(self):
        self.name = self.account = None
        return "+OK my own server is ready"

    def answer(self, line):
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        if verb != "QUIT" and (verb in ("USER", "PASS")) != (self.account is None):
            return "-ERR not in this state"
        command = getattr(self, f"do_{verb}", None)
        return command(argument) if command else "-ERR no such command"

    def gone(self):
        if self.account:
            self.account.unlock()

    def do_USER(self, argument):
        self.name = argument
        return "+OK and the password?"

    def do_PASS(self, argument):
        name, self.name = self.name, None
        account = self.store.authenticate(name, argument) if name else None
        if account is None:
            return "-ERR wrong name or password"
        if not account.lock():
            return "-ERR [IN-USE] somebody else is reading"
        self.account, self.found = account, list(account.inbox)
        return self.do_RSET("")

    def do_STAT(self, argument):
        return f"+OK {len(self.letters)} {sum(letter.size for letter in self.letters.values())}"

    def do_LIST(self, argument):
        return self.listing(argument, lambda letter: letter.size)

    def do_UIDL(self, argument):
        return self.listing(argument, lambda letter: f"{self.account.inbox.uidvalidity}.{letter.uid}")

    def listing(self, argument, about):
        lines = {number: f"{number} {about(letter)}" for number, letter in self.letters.items()}
        if not argument:
            return ["+OK here they are", *lines.values(), "."]
        number = self.pick(argument)
        return f"+OK {lines[number]}" if number else "-ERR no such letter"

    def pick(self, argument):
        number = int(argument) if argument.isdecimal() else 0
        return number if number in self.letters else None

    def do_RETR(self, argument):
        number = self.pick(argument)
        if number is None:
            return "-ERR no such letter"
        lines = self.letters[number].data.removesuffix(b"\r\n").split(b"\r\n")
        return ["+OK here it is", *(b"." + line if line.startswith(b".") else line for line in lines), "."]

    def do_DELE(self, argument):
        number = self.pick(argument)
        if number is None:
            return "-ERR no such letter"
        del self.letters[number]
        return "+OK marked"

    def do_NOOP(self, argument):
        return "+OK"

    def do_RSET(self, argument):
        self.letters = dict(enumerate(self.found, 1))
        return f"+OK {len(self.letters)} in the maildrop"

    def do_QUIT(self, argument):
        if self.account:
            kept = self.letters.values()
            self.account.inbox.expunge([letter.uid for letter in self.found if letter not in kept])
        self.hang_up()
        return "+OK goodbye"
