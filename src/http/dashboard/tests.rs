//! Pages over the router, without a socket.
