// A passphrase as a person types it: at the terminal, unseen.
// Threads: one.
//
// Never taken from an argument or the environment, where any account of the machine could read it.
// Ctrl+C ends the program as ever, after the terminal shows again what is typed.
#pragma once

#include <string>

#include "certs/secret.h"
#include "schemas/error.h"

namespace keruen::certs {

inline constexpr std::size_t kPassphraseBytesMax = 1024;

// One line of standard input, without its end. denied: standard input is no terminal, or a signal
// came that this process outlives.
[[nodiscard]] Result<SecretBytes> ask_passphrase(const std::string& prompt);

}  // namespace keruen::certs
