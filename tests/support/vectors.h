// Known answers from a file of tests/vectors: lines `name = value`, `#` begins a comment line.
// Shape: KERUEN_VECTORS is the directory, defined by the test's CMakeLists.txt.   Threads: values.
//
// A file or name that is not there ends the test: an answer nobody looked at proves nothing.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen {

class Vectors {
 public:
  explicit Vectors(const std::string& name) : name_(name) {
    std::ifstream file(std::string(KERUEN_VECTORS) + "/" + name);
    ensure(file.is_open(), "the file of vectors " + name + " opens");
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.front() == '#') continue;
      const auto sign = line.find(" =");
      ensure(sign != std::string::npos, name + " holds lines name = value");
      values_[line.substr(0, sign)] =
          line.size() > sign + 3 ? line.substr(sign + 3) : std::string();
    }
    ensure(!values_.empty(), name + " holds vectors");
  }

  [[nodiscard]] const std::map<std::string, std::string>& all() const { return values_; }
  [[nodiscard]] const std::string& text(const std::string& key) const {
    const auto found = values_.find(key);
    ensure(found != values_.end(), name_ + " has the vector " + key);
    return found->second;
  }
  [[nodiscard]] Bytes bytes(const std::string& key) const {
    const auto decoded = from_hex(text(key));
    ensure(decoded.has_value(), name_ + ": " + key + " is hexadecimal");
    return *decoded;
  }
  template <class Fixed>
  [[nodiscard]] Fixed fixed(const std::string& key) const {
    const auto value = Fixed::from(bytes(key));
    ensure(value.has_value(), name_ + ": " + key + " has its size");
    return *value;
  }

 private:
  std::string name_;
  std::map<std::string, std::string> values_;
};

}  // namespace keruen
