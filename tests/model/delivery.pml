/*
 * The way of a message from one agent's outbox to another agent's store, with everything that may
 * break on it: what is promised, reduced to what a checker can try in every order.
 *
 * Shape: three machines and two connections. Every step below is one turn of a program that has one
 * thread for it, so a step is atomic and anything may happen between two. What is durable, and what
 * a crash takes, stand under their own headings. One lane, one pair, a batch of one message each:
 * what differs between lanes and leaves has no part in what is promised here.
 *
 * Properties, each by the name it fails under:
 *   accepted_is_kept    what the broker said "accepted" to is in its log after any crash
 *   passed_is_stored    what a recipient's cursor has passed has taken effect there
 *   effect_once         no message takes effect twice
 *   in_order            messages take effect in the order in which they were submitted
 *   no_false_alarm      people are told of a restored store, of a broker that lost batches or of one
 *                       that forked its directory only when there is one
 *   everything_arrives  with finitely many faults every message takes effect and its sender learns
 *                       that it was accepted, whatever step is taken next (linear temporal logic;
 *                       no fairness is asked for, since nobody has anything to do for ever)
 *
 * Bounds are -D MESSAGES=2 and so on; every fault has its own. A defect is planted with -D NAME;
 * check_model.py holds the list, each beside the property that must fail.
 *
 * Left out, because others test it or nothing here rests on it: keys and signatures (a batch that
 * was changed is no batch), credit in bytes, gaps asked for again, expiry, damage below what was
 * synced (tests/broker/log), a recipient's restored store (it asks from its older cursor).
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef SENDER_CRASHES
#define SENDER_CRASHES 0
#endif
#ifndef BROKER_CRASHES
#define BROKER_CRASHES 0
#endif
#ifndef RECIPIENT_CRASHES
#define RECIPIENT_CRASHES 0
#endif
#ifndef SENDER_CUTS /* of the connection between sender and broker */
#define SENDER_CUTS 0
#endif
#ifndef RECIPIENT_CUTS
#define RECIPIENT_CUTS 0
#endif
#ifndef OVERLOADS /* refusals that waiting cures */
#define OVERLOADS 0
#endif
#ifndef KEY_ENDS /* refusals that only sealing anew cures */
#define KEY_ENDS 0
#endif
#ifndef RESTORES /* of the sender's store, from a copy made at any earlier moment */
#define RESTORES 0
#endif

/* Every message is sealed once, again after each refusal for good, and twice after a restore: for
 * what the copy had not sealed, and for what turns out to stand in a stream of another life. */
#ifdef SEALED_ANEW
#define BATCHES (MESSAGES * 2)
#else
#define BATCHES (MESSAGES * (1 + KEY_ENDS + 2 * RESTORES))
#endif
#ifdef HEADS_CLEARED_ON_RESTART
#define ENTRIES (BATCHES * 2)
#else
#define ENTRIES BATCHES
#endif

#define IN_FLIGHT 2 /* kBatchesInFlightMax is larger; two are enough to get out of order */
#define CREDIT 2    /* pieces on their way to the recipient */

mtype = { down, greeting, open };
mtype = { hello, welcome, submit, accepted, acknowledge };
mtype = { overloaded, key_ended, out_of_sequence, chain_fork };

/* ---- what a batch is: drawn once, never changed (certs/batch.h) ----
 * A batch's number stands for its hash. Sealed again it has another, whatever it holds. */
byte batches_drawn = 0;
byte streams_drawn = 0; /* a stream's number is random: none is drawn twice, whatever is restored */
byte message_of[BATCHES + 1];
byte stream_of[BATCHES + 1];
byte sequence_of[BATCHES + 1];
byte previous_of[BATCHES + 1];

/* ---- connections (agents/link, broker/gateway): in order, and cut at any time ---- */
chan to_broker = [2] of { mtype, byte };
chan to_sender = [2] of { mtype, byte, byte }; /* word, batch, head of its stream */
chan from_recipient = [2] of { mtype, byte };
chan to_recipient = [2] of { byte, byte }; /* log index, batch */
mtype sender_link = down;
mtype recipient_link = down;

/* ---- the sender's store (agents/store): durable ---- */
bool in_outbox[MESSAGES + 1];
#ifdef DISSOLVED_TO_THE_END
bool put_back[MESSAGES + 1];
#endif
bool closed[BATCHES + 1];        /* status closed: without a word */
bool accepted_here[BATCHES + 1]; /* status accepted */
byte stream = 0;                 /* the current one; 0: none */
byte stream_head = 0;            /* last batch closed in it */
/* The copy that may be restored. */
bool is_copied = false;
bool copied_in_outbox[MESSAGES + 1];
bool copied_closed[BATCHES + 1];
bool copied_accepted[BATCHES + 1];
byte copied_stream = 0;
byte copied_head = 0;
/* ---- the sender's engine: volatile ---- */
bool sent[BATCHES + 1];

/* ---- the broker's log (broker/log): durable up to log_on_disk ---- */
byte log[ENTRIES];
byte log_written = 0;
byte log_on_disk = 0;
byte log_synced = 0; /* what the broker takes for synced */
/* ---- the broker's log thread and core: volatile ---- */
chan held = [2] of { mtype, byte, byte }; /* answers of the group, until its sync returned */
bool sender_session = false;
bool recipient_session = false;
byte handed = 0; /* the next entry to hand out on this connection */
byte credited = 0; /* may be handed below this */
#ifdef HEADS_CLEARED_ON_RESTART
byte heads_since = 0;
#else
#define heads_since 0
#endif
#ifdef SYNC_RETRIED
byte sync_fails = 0;
#endif

/* ---- the recipient's store (agents/store): durable ---- */
byte cursor = 0; /* entries passed */
bool known[MESSAGES + 1];
/* ---- the recipient's engine: volatile ---- */
bool acknowledge_due = false;
#if defined(CURSOR_BEFORE_MESSAGE) || defined(EFFECT_BEFORE_DEDUP)
byte half_stored = 0; /* a batch whose second transaction is still to come */
#else
#define half_stored 0
#endif

/* ---- what the properties speak of ---- */
byte effects[MESSAGES + 1];
byte effective = 0; /* messages that took effect */
byte promised = 0;  /* entries the broker said "accepted" to end below this */
bool was_restored = false;
bool accepted_is_kept = true;
bool passed_is_stored = true;
bool effect_once = true;
bool in_order = true;
bool no_false_alarm = true;

/* Faults left. */
byte sender_crashes = SENDER_CRASHES;
byte broker_crashes = BROKER_CRASHES;
byte recipient_crashes = RECIPIENT_CRASHES;
byte sender_cuts = SENDER_CUTS;
byte recipient_cuts = RECIPIENT_CUTS;
byte overloads = OVERLOADS;
byte key_ends = KEY_ENDS;
byte restores = RESTORES;

/* Derived from the sender's store, so that guards are cheap. */
byte unsealed = 0;  /* messages in the outbox */
byte in_flight = 0; /* closed batches without a word */
byte unsent = 0;    /* of them, not sent on this connection */

#define sender_is_done (unsealed == 0 && in_flight == 0)
#define everything_is_there (effective == MESSAGES && sender_is_done)

inline look_at_store() {
  unsealed = 0;
  in_flight = 0;
  unsent = 0;
  for (i : 1 .. MESSAGES) {
    if
    :: in_outbox[i] -> unsealed++
    :: else -> skip
    fi
  }
  for (i : 1 .. BATCHES) {
    if
    :: closed[i] ->
      in_flight++;
      if
      :: sent[i] -> skip
      :: else -> unsent++
      fi
    :: else -> skip
    fi
  }
  i = 0
}

/* The last batch of `of_stream` among the first `entries` of the log: broker/admission/chains. */
inline find_head(of_stream, entries, found) {
  found = 0;
  i = heads_since;
  do
  :: i < entries ->
    if
    :: stream_of[log[i]] == of_stream -> found = log[i]
    :: else -> skip
    fi;
    i++
  :: else -> break
  od;
  i = 0
}

/* agents/engine/streams.cc (forget_sent). */
inline forget_sent() {
  for (i : 1 .. BATCHES) {
    sent[i] = false
  }
  look_at_store()
}

/* Both ends lose what is on its way; the sender is told at once, for what it would send before it
 * knows is lost like the rest. */
inline cut_sender() {
  do
  :: len(to_broker) > 0 -> to_broker?_, _
  :: else -> break
  od;
  do
  :: len(to_sender) > 0 -> to_sender?_, _, _
  :: else -> break
  od;
  /* Answers go to the connection that asked, not to the agency: broker/exchange_log.cc. */
  do
  :: len(held) > 0 -> held?_, _, _
  :: else -> break
  od;
  sender_session = false;
  sender_link = down;
  forget_sent()
}

inline cut_recipient() {
  do
  :: len(from_recipient) > 0 -> from_recipient?_, _
  :: else -> break
  od;
  do
  :: len(to_recipient) > 0 -> to_recipient?_, _
  :: else -> break
  od;
  recipient_session = false;
  handed = 0;
  credited = 0;
  acknowledge_due = false;
  recipient_link = down
}

/* ================================ the sender ================================ */

/* agents/engine/batcher.cc (seal_item, close). */
inline draw_batch(message, in_stream, sequence, previous, drawn) {
  assert(batches_drawn < BATCHES); /* else the bound above is wrong */
  batches_drawn++;
  drawn = batches_drawn;
  message_of[drawn] = message;
  stream_of[drawn] = in_stream;
  sequence_of[drawn] = sequence;
  previous_of[drawn] = previous
}

/* agents/store/outgoing.cc (next_outbox). */
inline find_next() {
  next = 0;
  for (i : 1 .. MESSAGES) {
    if
    :: in_outbox[i] && next == 0 -> next = i
#ifdef DISSOLVED_TO_THE_END
    :: in_outbox[i] && next != 0 && put_back[next] && !put_back[i] -> next = i
#endif
    :: else -> skip
    fi
  }
  i = 0
}

/* Closed batches go, their messages are to be sealed anew in a new stream:
 * agents/store/returning.cc (dissolve_batch). */
inline dissolve() {
  for (i : 1 .. BATCHES) {
    if
    :: closed[i] ->
      closed[i] = false;
      sent[i] = false;
      in_outbox[message_of[i]] = true;
#ifdef DISSOLVED_TO_THE_END
      put_back[message_of[i]] = true
#endif
    :: else -> skip
    fi
  }
  i = 0;
  stream = 0;
  stream_head = 0
}

/* The broker has what this store never made: agents/engine/recovery.cc (start_over). There are no
 * receipts here, so all that was accepted is sealed again. */
inline start_over() {
  no_false_alarm = no_false_alarm && was_restored;
  assert(no_false_alarm);
  dissolve();
  for (i : 1 .. BATCHES) {
    if
    :: accepted_here[i] ->
      accepted_here[i] = false;
      in_outbox[message_of[i]] = true
    :: else -> skip
    fi
  }
  i = 0
}

/* agents/engine/recovery.cc (compare). The agent would repeat what the broker lost and tell people
 * (repeat_lost); with a broker that syncs there is nothing to tell. */
inline look_for_lost(head) {
  for (i : 1 .. BATCHES) {
    if
    :: accepted_here[i] && stream_of[i] == stream && sequence_of[i] > sequence_of[head] ->
      no_false_alarm = false
    :: else -> skip
    fi
  }
  i = 0;
  assert(no_false_alarm)
}

#ifdef FORGOTTEN_WHEN_SENT
#define is_own(batch) true
#else
#define is_own(batch) (closed[batch] || accepted_here[batch])
#endif

active proctype sender() {
  byte i = 0;
  byte next = 0;
  byte batch = 0;
  byte head = 0;
  mtype code = down;

  /* agents/engine/outbox.cc: all were submitted, in order, before anything else happens. */
  d_step {
    for (i : 1 .. MESSAGES) {
      in_outbox[i] = true
    }
    look_at_store()
  }

end:
  do
  /* agents/engine/engine.cc (LinkUp): the hello names the stream. */
  :: d_step { sender_link == down -> to_broker!hello, stream; sender_link = greeting }

  /* agents/engine/engine.cc (Welcome), agents/engine/recovery.cc (reconcile). */
  :: d_step {
    to_sender?[welcome, _, _] ->
    to_sender?welcome, _, head;
    sender_link = open;
    if
    :: head != 0 && !is_own(head) -> start_over()
    :: else -> look_for_lost(head)
    fi;
#ifdef SEALED_ANEW
    /* As if a batch without a word were free to be made again under its number. */
    if
    :: stream_head != 0 && closed[stream_head] && batches_drawn + unsealed < BATCHES ->
      batch = stream_head;
      closed[batch] = false;
      draw_batch(message_of[batch], stream, sequence_of[batch], previous_of[batch], stream_head);
      closed[stream_head] = true;
      batch = 0
    :: else -> skip
    fi;
#endif
    look_at_store();
    head = 0
  }

  /* agents/engine/batcher.cc (fill_lane, close): one transaction, and only then it may be sent. */
  :: d_step {
    sender_link == open && unsealed > 0 && in_flight < IN_FLIGHT ->
    find_next();
    if
    :: stream == 0 -> streams_drawn++; stream = streams_drawn
    :: else -> skip
    fi;
    draw_batch(next, stream, sequence_of[stream_head] + 1, stream_head, batch);
    closed[batch] = true;
    in_outbox[next] = false;
#ifdef DISSOLVED_TO_THE_END
    put_back[next] = false;
#endif
    stream_head = batch;
    look_at_store();
    batch = 0;
    next = 0
  }

  /* agents/engine/batcher.cc (send_waiting): in order, once for each connection; the bytes are
   * those of the store. */
  :: d_step {
    sender_link == open && unsent > 0 && len(to_broker) < 2 ->
    for (i : 1 .. BATCHES) {
      if
      :: closed[i] && !sent[i] && batch == 0 -> batch = i
      :: else -> skip
      fi
    }
    to_broker!submit, batch;
    sent[batch] = true;
#ifdef FORGOTTEN_WHEN_SENT
    closed[batch] = false;
    sent[batch] = false;
#endif
    look_at_store();
    batch = 0
  }

  /* agents/engine/recovery.cc (accepted): learned in one transaction. */
  :: d_step {
    to_sender?[accepted, _, _] ->
    to_sender?accepted, batch, _;
    if
    :: closed[batch] -> closed[batch] = false; accepted_here[batch] = true; sent[batch] = false
    :: else -> skip /* dissolved, or known already */
    fi;
    look_at_store();
    batch = 0
  }

  /* agents/engine/recovery.cc (refused). */
  :: d_step {
    len(to_sender) > 0 && !to_sender?[welcome, _, _] && !to_sender?[accepted, _, _] ->
    to_sender?code, batch, head;
    if
    :: !closed[batch] || !sent[batch] -> skip
    :: else ->
      if
      :: code == overloaded -> forget_sent()
      :: code != overloaded && head != 0 && !is_own(head) -> start_over()
      :: else ->
        look_for_lost(head);
        if
        :: code == out_of_sequence -> forget_sent()
        /* Taken after all, the word comes. */
        :: code != out_of_sequence && sequence_of[head] >= sequence_of[batch] -> skip
        /* It would stop for good, as for a directory that was forked; there is none here. */
        :: code == chain_fork && sequence_of[head] < sequence_of[batch] ->
          no_false_alarm = false;
          assert(no_false_alarm)
        :: else -> dissolve()
        fi
      fi
    fi;
    look_at_store();
    batch = 0;
    head = 0;
    code = down
  }

  :: d_step { sender_crashes > 0 -> sender_crashes--; cut_sender() }

#if RESTORES > 0
  /* An administrator's backup of the store's file. */
  :: d_step {
    !is_copied && restores > 0 ->
    is_copied = true;
    for (i : 1 .. MESSAGES) {
      copied_in_outbox[i] = in_outbox[i]
    }
    for (i : 1 .. BATCHES) {
      copied_closed[i] = closed[i];
      copied_accepted[i] = accepted_here[i]
    }
    copied_stream = stream;
    copied_head = stream_head;
    i = 0
  }
  :: d_step {
    is_copied && restores > 0 ->
    restores--;
    was_restored = true;
    for (i : 1 .. MESSAGES) {
      in_outbox[i] = copied_in_outbox[i];
      copied_in_outbox[i] = false
    }
    for (i : 1 .. BATCHES) {
      closed[i] = copied_closed[i];
      accepted_here[i] = copied_accepted[i];
      copied_closed[i] = false;
      copied_accepted[i] = false
    }
    stream = copied_stream;
    stream_head = copied_head;
    copied_stream = 0;
    copied_head = 0;
    is_copied = false;
    cut_sender()
  }
#endif
  od
}

/* ================================ the broker ================================ */

/* Where a batch of this stream and sequence stands among the first `entries` of the log; 0 when
 * nowhere: broker/index (batch), broker/log_group.cc (batches_here_). */
inline find_known(batch, found) {
  found = 0;
  i = 0;
  do
  :: i < log_written ->
    if
    :: stream_of[log[i]] == stream_of[batch] && sequence_of[log[i]] == sequence_of[batch] ->
      found = log[i]
    :: else -> skip
    fi;
    i++
  :: else -> break
  od;
  i = 0
}

#ifdef ACCEPTED_BEFORE_SYNC
#define may_answer true
#else
#define may_answer (log_synced == log_written)
#endif

inline append(batch) {
  log[log_written] = batch;
  log_written++
}

active proctype broker() {
  byte i = 0;
  byte batch = 0;
  byte head = 0;
  byte known_as = 0;
  mtype word = down;

end:
  do
  /* broker/exchange_requests.cc (Hello): heads are of what is synced; what is still in a group is
   * repeated and answered as the first time. */
  :: d_step {
    to_broker?[hello, _] && len(to_sender) < 2 ->
    to_broker?hello, batch;
    sender_session = true;
    find_head(batch, log_synced, head);
    to_sender!welcome, 0, head;
    batch = 0;
    head = 0
  }

  /* broker/log_group.cc (add, answer_past), broker/admission/ordering.cc (judge). Written is
   * written at any time from now on: what is not synced may or may not survive. */
  :: atomic {
    to_broker?[submit, _] && len(held) < 2 ->
    d_step {
      to_broker?submit, batch;
      find_head(stream_of[batch], log_written, head)
    };
    if
    :: d_step {
      head != 0 && sequence_of[batch] <= sequence_of[head] ->
      find_known(batch, known_as);
      if
#ifdef REPEAT_REFUSED
      :: known_as == batch -> held!chain_fork, batch, head
#else
      :: known_as == batch -> held!accepted, batch, 0
#endif
      :: else -> held!chain_fork, batch, head
      fi;
      known_as = 0
    }
    :: d_step {
      (head == 0 || sequence_of[batch] > sequence_of[head]) && overloads > 0 ->
      overloads--;
      held!overloaded, batch, head
    }
    /* Its signing key or its clock: only a batch that is next in its chain is judged by them. */
    :: d_step {
      previous_of[batch] == head && sequence_of[batch] == sequence_of[head] + 1 && key_ends > 0 ->
      key_ends--;
      held!key_ended, batch, head
    }
    :: d_step {
      (head == 0 || sequence_of[batch] > sequence_of[head]) ->
      if
      :: previous_of[batch] == head && sequence_of[batch] == sequence_of[head] + 1 ->
        append(batch);
        held!accepted, batch, 0
#ifdef SEQUENCE_NOT_CHECKED
      :: sequence_of[batch] > sequence_of[head] + 1 ->
        append(batch);
        held!accepted, batch, 0
#else
      :: sequence_of[batch] > sequence_of[head] + 1 -> held!out_of_sequence, batch, head
#endif
      :: else -> held!chain_fork, batch, head
      fi
    }
    fi;
    batch = 0;
    head = 0
  }

  /* broker/log/log.cc (write): one sync for all that is written. */
  :: d_step {
    log_synced < log_written ->
#ifdef SYNC_RETRIED
    /* Where one failed, the kernel took the pages for clean. */
    if
    :: log_on_disk == log_synced && sync_fails == 0 -> log_on_disk = log_written
    :: else -> skip
    fi;
#else
    log_on_disk = log_written;
#endif
    log_synced = log_written
  }
#ifdef SYNC_RETRIED
  :: d_step { log_synced < log_written && sync_fails == 0 -> sync_fails = 1 }
#endif

  /* broker/log_group.cc (outcomes), broker/exchange_log.cc (take_outcome): nothing is said before
   * the sync returned. That a sync failed stops the broker: a crash, as below. */
  :: d_step {
    len(held) > 0 && len(to_sender) < 2 && may_answer ->
    held?word, batch, head;
    if
    :: word == accepted ->
      i = 0;
      do
      :: i < log_written ->
        if
        :: log[i] == batch && promised <= i -> promised = i + 1
        :: else -> skip
        fi;
        i++
      :: else -> break
      od;
      i = 0
    :: else -> skip
    fi;
    to_sender!word, batch, head;
    word = down;
    batch = 0;
    head = 0
  }

  /* broker/dispatch/dispatch.cc (connect): the recipient says what is stored there. */
  :: d_step {
    from_recipient?[hello, _] ->
    from_recipient?hello, handed;
    credited = handed + CREDIT;
    recipient_session = true
  }
  :: d_step {
    from_recipient?[acknowledge, _] ->
    from_recipient?acknowledge, credited;
    credited = credited + CREDIT
  }

  /* broker/dispatch/dispatch.cc (serve): synced entries, in log order, as far as credit goes. */
  :: d_step {
    recipient_session && handed < log_synced && handed < credited && len(to_recipient) < 2 ->
    to_recipient!handed, log[handed];
    handed++
  }

  /* A crash or a power cut, then broker/log/recovery.cc: of what was not synced any part may be
   * left, and what is left up to the first hole is synced and kept. */
  :: atomic {
    broker_crashes > 0 ->
    d_step {
      broker_crashes--;
      cut_sender();
      cut_recipient()
    };
    do
    :: log_written > log_on_disk -> d_step { log_written--; log[log_written] = 0 }
    :: break
    od;
    d_step {
      log_on_disk = log_written;
      log_synced = log_written;
#ifdef HEADS_CLEARED_ON_RESTART
      heads_since = log_written;
#endif
#ifdef SYNC_RETRIED
      sync_fails = 0;
#endif
      accepted_is_kept = accepted_is_kept && promised <= log_written;
      assert(accepted_is_kept)
    }
  }
  od
}

/* =============================== the recipient =============================== */

inline take_effect(message) {
  effects[message]++;
  effect_once = effect_once && effects[message] == 1;
  assert(effect_once);
  effective++;
  /* All that were submitted before it took effect before it. */
  in_order = in_order && effective == message;
  assert(in_order)
}

active proctype recipient() {
  byte i = 0;
  byte index = 0;
  byte batch = 0;

end:
  do
  /* agents/engine/engine.cc (LinkUp): the hello says which cursor is stored. */
  :: d_step { recipient_link == down -> from_recipient!hello, cursor; recipient_link = open }

  /* agents/engine/inbox.cc (take), inbox_leaves.cc (take_message, store), agents/store/incoming.cc
   * (arrive): effect, id and cursor in one transaction. A crash before its commit is one with the
   * slice still on its way; a crash after it is one before the acknowledgement below. */
  :: d_step {
    len(to_recipient) > 0 && half_stored == 0 ->
    to_recipient?index, batch;
    acknowledge_due = true;
    if
    :: index < cursor -> skip /* stored before */
    :: else ->
#if defined(CURSOR_BEFORE_MESSAGE)
      cursor = index + 1;
      half_stored = batch;
#elif defined(EFFECT_BEFORE_DEDUP)
      if
      :: known[message_of[batch]] -> skip
      :: else -> take_effect(message_of[batch])
      fi;
      half_stored = batch;
#else
      if
      :: known[message_of[batch]] -> skip
      :: else -> take_effect(message_of[batch]); known[message_of[batch]] = true
      fi;
      cursor = index + 1
#endif
    fi;
    index = 0;
    batch = 0
  }
#if defined(CURSOR_BEFORE_MESSAGE)
  :: d_step {
    half_stored != 0 ->
    if
    :: known[message_of[half_stored]] -> skip
    :: else -> take_effect(message_of[half_stored]); known[message_of[half_stored]] = true
    fi;
    half_stored = 0
  }
#elif defined(EFFECT_BEFORE_DEDUP)
  :: d_step {
    half_stored != 0 ->
    known[message_of[half_stored]] = true;
    cursor++;
    half_stored = 0
  }
#endif

  /* agents/engine/inbox.cc (acknowledge_when_due): credit only; a lost one loses nothing. */
  :: d_step {
    acknowledge_due && recipient_link == open && len(from_recipient) < 2 ->
    from_recipient!acknowledge, cursor;
    acknowledge_due = false
  }

  :: d_step {
    recipient_crashes > 0 ->
    recipient_crashes--;
    cut_recipient();
#ifndef half_stored
    half_stored = 0;
#endif
#ifdef DEDUP_CLEARED_ON_RESTART
    for (i : 1 .. MESSAGES) {
      known[i] = false
    }
#endif
    i = 0;
    do
    :: i < cursor ->
      passed_is_stored = passed_is_stored && effects[message_of[log[i]]] > 0;
      i++
    :: else -> break
    od;
    i = 0;
    assert(passed_is_stored)
  }
  od
}

/* ================================ the network ================================ */

active proctype network() {
  byte i = 0;
end:
  do
  :: d_step { sender_cuts > 0 && sender_link != down -> sender_cuts--; cut_sender() }
  :: d_step { recipient_cuts > 0 && recipient_link != down -> recipient_cuts--; cut_recipient() }
  od
}

ltl everything_arrives { <> [] (everything_is_there) }
