# SPDX-License-Identifier: Apache-2.0
# Debian's python3-aiosmtpd as the tests want it: aio.py '{"port": 2525, "dir": "DIR", "tls": "none|starttls", "key": F, "cert": F, "user": U, "pass": P, "rcpt": "550 text", "data": "451 text"}'
# Messages go to DIR, a file each: envelope first.
import json, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

options = json.loads(sys.argv[1])


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if options.get("rcpt"):
            return options["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if options.get("data"):
            return options["data"]
        Handler.count += 1
        with open(f"{options['dir']}/{time.time()}-{Handler.count}", "wb") as out:
            out.write(f"envelope: {envelope.mail_from} -> {','.join(envelope.rcpt_tos)} tls={session.ssl is not None} user={options.get('user', '')}\n".encode())
            out.write(envelope.original_content)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == options["user"].encode() and data.password == options["pass"].encode()
    return AuthResult(success=good, handled=False)


class OurController(Controller):
    def factory(self):
        context = None
        if options.get("tls") == "starttls":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(options["cert"], options["key"])
        return SMTP(self.handler, tls_context=context, require_starttls=context is not None, hostname="sink.test",
                    authenticator=authenticate if options.get("user") else None, auth_required=bool(options.get("user")), auth_require_tls=context is not None)


controller = OurController(Handler(), hostname="127.0.0.1", port=options["port"])
controller.start()
print(f"listening on {options['port']}", flush=True)
while True:
    time.sleep(3600)
