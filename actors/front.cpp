#include "actors/front.hpp"

#include "actors/call.hpp"
#include "actors/calls/shortcut.hpp"

namespace callboard {

http_call_ptr front_state::counted(http_call_ptr call) {
  ++*running;
  auto* raw = call.get();
  return {raw, [call = std::move(call), count = running](const http_call*) mutable {
            call.reset();
            --*count;
          }};
}

front_actor::behavior_type front(front_actor::stateful_pointer<front_state> self,
                                 node_parts parts) {
  self->state.parts = std::move(parts);
  return {
    [self](atom::serve, const http_call_ptr& request) {
      auto& st = self->state;
      auto counted = st.counted(request);
      if (!calls::pass_to_session(st.parts, counted))
        self->spawn(call, call_args{st.parts, std::move(counted)});
    },
    [self](atom::drain) { return self->state.running->load(); },
  };
}

} // namespace callboard
