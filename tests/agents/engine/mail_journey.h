// A journey on which mail for customs goes on coming, for as long as something else is kept back.
#pragma once

#include "tests/journey/journey.h"

namespace keruen::engine {

class MailJourney : public Journey {
 protected:
  // Often enough that the line is not taken for dead, seldom enough for hours of it.
  void pass_with_some_mail(std::chrono::minutes time) {
    using std::chrono::seconds;
    for (seconds left = time; left.count() > 0; left -= seconds(40)) {
      static_cast<void>(send(kProsecutor, {kCustoms}, "Mail"));
      for (int step = 0; step < 4; ++step) {
        exchange.clock().advance(seconds(10));
        broker.tick(now());
        settle();
      }
    }
  }
};

}  // namespace keruen::engine
