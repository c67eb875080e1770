#include "tests/unit/responses/event_checker.hpp"

#include <set>

namespace callboard::responses {
namespace {

constexpr std::string_view prefix = "response.";

std::string text(const json::object& x, std::string_view key) {
  return find_string(x, key).value_or("");
}

/// Follows one stream; the first problem wins.
class checker {
public:
  std::string run(const event_stream& stream) {
    for (std::size_t i = 0; i < stream.events.size() && problem_.empty(); ++i) {
      at_ = std::to_string(i) + ' ' + text(stream.events[i], "type");
      require(find_integer(stream.events[i], "sequence_number") == static_cast<std::int64_t>(i),
              "the sequence number is wrong");
      take(stream.events[i], i);
    }
    at_ = "end";
    require(terminal_, "there is no terminal event");
    require(stream.done, "[DONE] is missing");
    return problem_;
  }

private:
  void require(bool holds, std::string what) {
    if (!holds && problem_.empty())
      problem_ = "event " + at_ + ": " + std::move(what);
  }

  void take(const json::object& event, std::size_t position) {
    auto type = text(event, "type");
    require(!terminal_, "there is an event after the terminal one");
    if (type == "error") {
      require(find_object(event, "error") != nullptr, "the nested error is missing");
      require(!text(event, "code").empty(), "the flat code is missing");
      return;
    }
    require(type.starts_with(prefix), "the type is unknown");
    auto name = type.substr(std::min(prefix.size(), type.size()));
    if (position < 2)
      require(name == (position == 0 ? "created" : "in_progress"), "the stream begins wrongly");
    if (auto* response = find_object(event, "response"))
      return lifecycle(name, *response);
    if (name == "output_item.added")
      return added(event);
    if (name == "output_item.done")
      return item_done(event);
    require(open_, "no item is open");
    require(find_integer(event, "output_index") == index_, "the output_index is another item's");
    require(text(event, "item_id") == text(item_, "id"), "the item_id is another item's");
    inside(name, event);
  }

  void lifecycle(const std::string& name, const json::object& response) {
    require(response_id_.empty() || text(response, "id") == response_id_, "the id changed");
    response_id_ = text(response, "id");
    auto* output = find_array(response, "output");
    if (name == "created" || name == "in_progress")
      return require(output && output->empty(), "the first output is not empty");
    require(name == "completed" || name == "incomplete" || name == "failed", "unknown lifecycle");
    terminal_ = true;
    require(text(response, "status") == name, "status and event differ");
    require(!open_, "an item is still open");
    require(output && json::serialize(*output) == json::serialize(items_),
            "the final output differs from the items that were closed");
    require(find_object(response, "usage") != nullptr, "usage is missing");
  }

  void added(const json::object& event) {
    require(!open_, "another item is open");
    auto* body = find_object(event, "item");
    require(body != nullptr, "the item is missing");
    require(find_integer(event, "output_index") == static_cast<std::int64_t>(items_.size()),
            "the output_index is not the next position");
    if (!problem_.empty())
      return;
    item_ = *body;
    open_ = true;
    index_ = static_cast<std::int64_t>(items_.size());
    progress_.clear();
    collected_.clear();
    parts_ = json::array{};
    require(!text(item_, "id").empty() && ids_.insert(text(item_, "id")).second,
            "the id is empty or was used before");
    auto type = text(item_, "type");
    if (type == "mcp_list_tools")
      require(find_array(item_, "tools")->empty(), "the added list is not empty");
    else if (type == "message")
      require(find_array(item_, "content")->empty(), "the added message is not empty");
    else
      require(text(item_, "arguments").empty(), "the added call has arguments");
    if (type != "mcp_list_tools")
      require(text(item_, "status") == "in_progress", "the added item is not in progress");
  }

  void item_done(const json::object& event) {
    require(open_, "no item is open");
    auto* body = find_object(event, "item");
    require(body && find_integer(event, "output_index") == index_, "the output_index changed");
    if (!problem_.empty())
      return;
    require(text(*body, "id") == text(item_, "id"), "the id changed");
    require(text(*body, "type") == text(item_, "type"), "the type changed");
    auto type = text(*body, "type");
    auto status = text(*body, "status");
    if (type == "mcp_call") {
      auto wanted = "delta done in_progress " + (status == "incomplete" ? "" : status + ' ');
      require(progress_ == wanted, "the call's events are " + progress_);
      require(text(*body, "arguments") == collected_, "the arguments differ from the deltas");
    } else if (type == "function_call") {
      require(progress_ == "delta done ", "the call's events are " + progress_);
      require(text(*body, "arguments") == collected_, "the arguments differ from the deltas");
    } else if (type == "mcp_list_tools") {
      bool failed = body->contains("error");
      require(progress_ == (failed ? "in_progress failed " : "in_progress completed "),
              "the list's events are " + progress_);
    } else {
      require(progress_ == "closed ", "a content part is open or missing");
      require(json::serialize(body->at("content")) == json::serialize(parts_),
              "the content differs from the parts");
      require(status == "completed" || status == "incomplete", "the message's status is wrong");
    }
    items_.push_back(*body);
    open_ = false;
  }

  void inside(const std::string& name, const json::object& event) {
    auto type = text(item_, "type");
    auto dot = name.find('.');
    auto group = name.substr(0, dot);
    auto step = dot == std::string::npos ? "" : name.substr(dot + 1);
    if (type == "message")
      return inside_message(group, step, event);
    auto arguments = type + "_arguments";
    require(group == type || group == arguments, "the event belongs to another kind of item");
    if (group == arguments && step == "delta")
      collected_ += text(event, "delta");
    if (group == arguments && step == "done")
      require(text(event, "arguments") == collected_, "the arguments differ from the deltas");
    if (!progress_.ends_with(step + ' ') || step != "delta")
      progress_ += step + ' ';
  }

  void inside_message(const std::string& group, const std::string& step,
                      const json::object& event) {
    require(find_integer(event, "content_index") == static_cast<std::int64_t>(parts_.size()),
            "the content_index is wrong");
    if (group == "content_part" && step == "added") {
      require(progress_.empty() || progress_ == "closed ", "another part is open");
      part_type_ = text(event.at("part").as_object(), "type");
      collected_.clear();
      progress_ = "part ";
    } else if (group == "content_part" && step == "done") {
      require(progress_ == "text_done ", "the part's text was not closed");
      auto& part = event.at("part").as_object();
      require(text(part, part_type_ == "refusal" ? "refusal" : "text") == collected_,
              "the part differs from its deltas");
      parts_.push_back(part);
      progress_ = "closed ";
    } else {
      require(group == part_type_, "the event belongs to another kind of part");
      require(progress_ == "part ", "the part is not open");
      require(step == "delta" || step == "done", "the step is unknown");
      if (step == "delta")
        collected_ += text(event, "delta");
      else {
        require(text(event, group == "refusal" ? "refusal" : "text") == collected_,
                "the text differs from its deltas");
        progress_ = "text_done ";
      }
    }
  }

  std::string problem_;
  std::string at_;
  std::string response_id_;
  std::set<std::string> ids_;
  json::array items_;
  bool terminal_ = false;
  bool open_ = false;
  json::object item_;
  std::int64_t index_ = 0;
  std::string progress_;
  std::string collected_;
  std::string part_type_;
  json::array parts_;
};

} // namespace

std::string event_stream::types() const {
  std::string out;
  std::string previous;
  for (auto& event : events) {
    auto type = text(event, "type");
    auto name = type.starts_with(prefix) ? type.substr(prefix.size()) : type;
    if (name != previous || !name.ends_with(".delta"))
      out += (out.empty() ? "" : " ") + name;
    previous = name;
  }
  return out;
}

event_stream read_frames(const std::vector<std::string>& frames, std::string& problem) {
  event_stream out;
  for (auto& frame : frames) {
    sse_parser parser{1u << 24};
    auto events = parser.feed(frame);
    if (!events || events->size() != 1 || !frame.ends_with("\n\n") || out.done) {
      problem = "a frame is not one event: " + frame;
      return out;
    }
    auto& event = events->front();
    if (event.data == "[DONE]") {
      out.done = true;
      continue;
    }
    auto object = parse_json_object(event.data);
    if (!object || find_string(*object, "type") != event.type) {
      problem = "event and type differ: " + frame;
      return out;
    }
    out.events.push_back(std::move(*object));
  }
  return out;
}

std::string check_stream(const std::vector<std::string>& frames) {
  std::string problem;
  auto stream = read_frames(frames, problem);
  return problem.empty() ? checker{}.run(stream) : problem;
}

} // namespace callboard::responses
