"""A web server that may share its port with its successor, and ends on TERM without losing a request.

It says what is in /version. What it has accepted, or what waits to be accepted, is answered before it ends.
"""

import os
import select
import signal
import socket
import threading
import time

with open("/version", encoding="utf-8") as file:
    VERSION = file.read().encode()


def answer(connection):
    with connection:
        request = connection.recv(4096)
        if b" /slow " in request:
            time.sleep(0.3)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (len(VERSION), VERSION)
        )


def accept(listener):
    connection, _ = listener.accept()
    connection.setblocking(True)
    threading.Thread(target=answer, args=(connection,)).start()


wake_read, wake_write = os.pipe()
os.set_blocking(wake_write, False)
signal.set_wakeup_fd(wake_write)
signal.signal(signal.SIGTERM, lambda *_: None)

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(os.environ["PORT"])))
listener.listen(128)
listener.setblocking(False)
print("listening", flush=True)

while True:
    ready, _, _ = select.select([listener, wake_read], [], [])
    if wake_read in ready:
        break
    accept(listener)
try:
    while True:
        accept(listener)
except BlockingIOError:
    pass
listener.close()
