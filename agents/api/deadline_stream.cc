#include "agents/api/deadline_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>

namespace keruen::api {
namespace {

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

DeadlineStream::DeadlineStream(int descriptor) : descriptor_(descriptor) {
  const int flags = fcntl(descriptor_, F_GETFL);
  fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK);
}

DeadlineStream::~DeadlineStream() { close(descriptor_); }

void DeadlineStream::expires_after(std::chrono::milliseconds time) {
  deadline_ = std::chrono::steady_clock::now() + time;
}

void DeadlineStream::shut_down() { shutdown(descriptor_, SHUT_RDWR); }

bool DeadlineStream::is_closed_by_peer() const {
  // Not by peeking: what the peer said before and nobody reads would hide that it went.
  pollfd asked{descriptor_, POLLRDHUP, 0};
  return poll(&asked, 1, 0) > 0;
}

bool DeadlineStream::wait_for(short events, boost::system::error_code& error) const {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      error = boost::asio::error::timed_out;
      return false;
    }
    pollfd waiting{descriptor_, events, 0};
    const int most = static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000));
    const int ready = poll(&waiting, 1, most);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      error = last_error();
      return false;
    }
  }
}

std::size_t DeadlineStream::read_bytes(void* target, std::size_t size,
                                       boost::system::error_code& error) {
  while (true) {
    const ssize_t count = recv(descriptor_, target, size, 0);
    if (count > 0) {
      error = {};
      return static_cast<std::size_t>(count);
    }
    if (count == 0) {
      error = boost::asio::error::eof;
      return 0;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      error = last_error();
      return 0;
    }
    if (!wait_for(POLLIN, error)) return 0;
  }
}

std::size_t DeadlineStream::write_bytes(const void* source, std::size_t size,
                                        boost::system::error_code& error) {
  while (true) {
    const ssize_t count = send(descriptor_, source, size, MSG_NOSIGNAL);
    if (count >= 0) {
      error = {};
      return static_cast<std::size_t>(count);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      error = last_error();
      return 0;
    }
    if (!wait_for(POLLOUT, error)) return 0;
  }
}

}  // namespace keruen::api
