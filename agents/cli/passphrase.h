// How a person or a script hands over what opens a key.
// Threads: one.
//
// A passphrase is read from the terminal without echo, never from an argument, where any account of
// the machine could read it.
#pragma once

#include <string>

#include "certs/key_file.h"
#include "schemas/host/disk.h"

namespace keruen::cli {

enum class Ask : std::uint8_t { once, twice };

// `credential` names a file; where it is empty the passphrase is asked for. denied: nobody is there
// to ask; malformed: the two differ, or fewer than eight characters for a new one.
[[nodiscard]] Result<certs::Unlock> unlock_with(host::Disk& disk, const std::string& credential,
                                                const std::string& what, Ask ask);

// The account this process runs as, by name.
[[nodiscard]] std::string account_name();

// "Go on? [y/N]" on a terminal. Silence is no consent: a script says with an option what it means.
enum class Answer : std::uint8_t { yes, no, nobody_there };
[[nodiscard]] Answer ask_to_confirm(const std::string& question);

}  // namespace keruen::cli
