// A connected socket with one deadline for all that is read or written until the next is set.
// Shape: Beast's SyncReadStream and SyncWriteStream over a non-blocking descriptor and poll().
// Threads: one; shut_down() from any.   Lifetime: owns the descriptor.
//
// Asio's own synchronous calls cannot time out; a peer that stops reading or trickles bytes would
// hold its thread for ever.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>

namespace keruen::api {

class DeadlineStream {
 public:
  explicit DeadlineStream(int descriptor);
  ~DeadlineStream();
  DeadlineStream(const DeadlineStream&) = delete;
  DeadlineStream& operator=(const DeadlineStream&) = delete;

  void expires_after(std::chrono::milliseconds time);
  // Ends every call under way, and all later ones.
  void shut_down();
  // Whether the other end closed, without reading anything.
  [[nodiscard]] bool is_closed_by_peer() const;
  [[nodiscard]] int descriptor() const { return descriptor_; }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, boost::system::error_code& error) {
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers); ++it) {
      const boost::asio::mutable_buffer buffer(*it);
      if (buffer.size() != 0) return read_bytes(buffer.data(), buffer.size(), error);
    }
    error = {};
    return 0;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, boost::system::error_code& error) {
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers); ++it) {
      const boost::asio::const_buffer buffer(*it);
      if (buffer.size() != 0) return write_bytes(buffer.data(), buffer.size(), error);
    }
    error = {};
    return 0;
  }
  // Beast's concepts name the throwing forms too; ours are never called.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    boost::system::error_code error;
    return read_some(buffers, error);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    boost::system::error_code error;
    return write_some(buffers, error);
  }

 private:
  std::size_t read_bytes(void* target, std::size_t size, boost::system::error_code& error);
  std::size_t write_bytes(const void* source, std::size_t size, boost::system::error_code& error);
  [[nodiscard]] bool wait_for(short events, boost::system::error_code& error) const;

  int descriptor_;
  std::chrono::steady_clock::time_point deadline_{};
};

}  // namespace keruen::api
