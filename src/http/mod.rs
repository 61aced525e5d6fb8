//! What listens: the server loop and the built-in receiver.
