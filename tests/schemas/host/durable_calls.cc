#include "tests/schemas/host/durable_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "schemas/error.h"

namespace keruen::host {
namespace {

// A system call carries no object along: who hears it is found here.
DurableCalls* hearer = nullptr;

template <class Function>
Function* library_function(const char* name) {
  auto* found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  ensure(found != nullptr, "the library has the function");
  return found;
}

std::string path_of(int descriptor) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor)).string();
}

// Whether the call fails; errno says with what.
template <class What>
bool fails(const char* call, What what) {
  if (hearer == nullptr) return false;
  const int error = hearer->hear(call, what());
  if (error != 0) errno = error;
  return error != 0;
}

}  // namespace

DurableCalls::DurableCalls() {
  ensure(hearer == nullptr, "one hears the system calls at a time");
  hearer = this;
}

DurableCalls::~DurableCalls() { hearer = nullptr; }

void DurableCalls::fail(std::string call, int error) {
  failing_ = std::move(call);
  error_ = error;
}

std::vector<std::string> DurableCalls::take() { return std::exchange(heard_, {}); }

int DurableCalls::hear(std::string_view call, const std::string& what) {
  heard_.push_back(std::string(call) + " " + what);
  return call == failing_ ? error_ : 0;
}

}  // namespace keruen::host

// In the program itself they come before the library's own.
extern "C" {

int fsync(int descriptor) {
  using namespace keruen::host;
  static auto* const real = library_function<int(int)>(__func__);
  return fails(__func__, [&] { return path_of(descriptor); }) ? -1 : real(descriptor);
}

int fdatasync(int descriptor) {
  using namespace keruen::host;
  static auto* const real = library_function<int(int)>(__func__);
  return fails(__func__, [&] { return path_of(descriptor); }) ? -1 : real(descriptor);
}

int fallocate(int descriptor, int mode, off_t offset, off_t size) {
  using namespace keruen::host;
  static auto* const real = library_function<int(int, int, off_t, off_t)>(__func__);
  return fails(__func__, [&] { return path_of(descriptor); })
             ? -1
             : real(descriptor, mode, offset, size);
}

int rename(const char* from, const char* to) noexcept {
  using namespace keruen::host;
  static auto* const real = library_function<int(const char*, const char*)>(__func__);
  return fails(__func__, [&] { return std::string(from) + " to " + to; }) ? -1 : real(from, to);
}

}  // extern "C"
