import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * RFC 9112 9.3.2 and 9.6: the requests of one HTTP/1.1 connection one after another. Node hands over all that a client sent
 * ahead at once and only puts the answers in order. Then a read would not see the append before it, a request after the
 * last answer of a connection would still be carried out, and of those whose answer has not begun none is told that the
 * client has gone: a live reader would stay for ever.
 */
export const inTurn = (respond: RequestListener): RequestListener => {
  const last = new WeakMap<Socket, ServerResponse>()
  return (incoming, outgoing) => {
    const { socket } = incoming
    const before = last.get(socket)
    last.set(socket, outgoing)
    const begin = () => {
      if (!socket.destroyed && !socket.writableEnded) respond(incoming, outgoing)
    }
    if (!before || before.closed) begin()
    else before.once('close', begin)
  }
}
