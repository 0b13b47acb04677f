"""HTTP/1.1 on raw asyncio protocols: the server and the client of the hot path.

Whole-word API: `HttpServer` calls a handler with a `ServerRequest` and sends its `Response`;
`HttpClient` sends a `joey.core.wire.envelope.HttpRequest` under one deadline. Neither knows what is
carried; neither logs it.
"""
