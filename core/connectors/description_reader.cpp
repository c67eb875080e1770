#include "core/connectors/description_reader.hpp"

#include <algorithm>
#include <utility>

namespace callboard::connectors {
namespace {

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (auto& x : list)
    text += (text.empty() ? "" : ", ") + x;
  return text;
}

std::string escaped(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (c == '~')
      text += "~0";
    else if (c == '/')
      text += "~1";
    else
      text += c;
  }
  return text;
}

} // namespace

void mistake_list::add(const std::string& pointer, std::string_view text) {
  if (lines_.empty())
    first_pointer_ = pointer;
  else
    lines_ += '\n';
  lines_ += file_name_ + ' ' + (pointer.empty() ? "/" : pointer) + ": ";
  lines_ += text;
}

caf::error mistake_list::to_error() const {
  return make_problem(errc::invalid_field, lines_, first_pointer_);
}

object_reader::object_reader(const json::value* x, std::string pointer, mistake_list& mistakes)
    : pointer_(std::move(pointer)), mistakes_(mistakes) {
  if (!x)
    return;
  object_ = x->if_object();
  if (!object_)
    mistakes_.add(pointer_, "must be an object");
}

std::string object_reader::pointer_to(std::string_view name) const {
  return pointer_ + '/' + escaped(name);
}

void object_reader::complain(std::string_view name, std::string_view text) const {
  mistakes_.add(pointer_to(name), text);
}

bool object_reader::has(std::string_view name) const { return object_ && find(*object_, name); }

const json::value* object_reader::value(std::string_view name) {
  known_.emplace_back(name);
  return object_ ? find(*object_, name) : nullptr;
}

std::string object_reader::text(std::string_view name) {
  auto* x = value(name);
  if (x && x->is_string() && !x->get_string().empty())
    return to_std(x->get_string());
  if (object_)
    complain(name, x ? "must be a text that is not empty" : "is missing");
  return {};
}

std::string object_reader::optional_text(std::string_view name) {
  if (has(name))
    return text(name);
  value(name);
  return {};
}

std::string object_reader::choice(std::string_view name, const std::vector<std::string>& allowed,
                                  bool required) {
  auto* x = value(name);
  if (!x && !required)
    return allowed.front();
  auto given = x && x->is_string() ? to_std(x->get_string()) : std::string{};
  if (std::find(allowed.begin(), allowed.end(), given) != allowed.end())
    return given;
  if (object_)
    complain(name, std::string{x ? "unknown value " + json::serialize(*x) : "is missing"}
                     + "; allowed are " + joined(allowed));
  return allowed.front();
}

bool object_reader::flag(std::string_view name, bool otherwise) {
  auto* x = value(name);
  if (!x)
    return otherwise;
  if (!x->is_bool()) {
    complain(name, "must be true or false");
    return otherwise;
  }
  return x->get_bool();
}

std::vector<std::string> object_reader::texts(std::string_view name) {
  std::vector<std::string> list;
  auto* x = value(name);
  if (!x)
    return list;
  auto* array = x->if_array();
  bool valid = array && std::all_of(array->begin(), array->end(), [](const json::value& y) {
                 return y.is_string() && !y.get_string().empty();
               });
  if (!valid) {
    complain(name, "must be a list of texts that are not empty");
    return list;
  }
  for (auto& y : *array)
    list.push_back(to_std(y.get_string()));
  return list;
}

std::vector<int> object_reader::statuses(std::string_view name) {
  constexpr std::int64_t lowest = 200;
  constexpr std::int64_t highest = 599;
  std::vector<int> list;
  auto* x = value(name);
  if (!x)
    return list;
  auto* array = x->if_array();
  bool valid = array && std::all_of(array->begin(), array->end(), [&](const json::value& y) {
                 return y.is_int64() && y.get_int64() >= lowest && y.get_int64() <= highest;
               });
  if (!valid) {
    complain(name, "must be a list of HTTP statuses, 200 to 599");
    return list;
  }
  for (auto& y : *array)
    list.push_back(static_cast<int>(y.get_int64()));
  return list;
}

std::vector<name_value> object_reader::pairs(std::string_view name) {
  std::vector<name_value> list;
  auto* x = value(name);
  if (!x)
    return list;
  auto* object = x->if_object();
  bool valid = object && std::all_of(object->begin(), object->end(), [](const auto& y) {
                 return y.value().is_string();
               });
  if (!valid) {
    complain(name, "must be an object of texts");
    return list;
  }
  for (auto& y : *object)
    list.emplace_back(y.key(), to_std(y.value().get_string()));
  return list;
}

json_pointer object_reader::place(std::string_view name) {
  auto given = optional_text(name);
  auto pointer = json_pointer::parse(given);
  if (!pointer) {
    complain(name, message_of(pointer.error()));
    return {};
  }
  return *pointer;
}

std::vector<json_pointer> object_reader::places(std::string_view name) {
  std::vector<json_pointer> list;
  std::size_t index = 0;
  for (auto& given : texts(name)) {
    auto pointer = json_pointer::parse(given);
    if (pointer)
      list.push_back(*pointer);
    else
      mistakes_.add(pointer_to(name) + '/' + std::to_string(index), message_of(pointer.error()));
    ++index;
  }
  return list;
}

object_reader object_reader::object(std::string_view name) {
  auto* x = value(name);
  if (!x && object_)
    complain(name, "is missing");
  return {x, pointer_to(name), mistakes_};
}

object_reader object_reader::optional_object(std::string_view name) {
  return {value(name), pointer_to(name), mistakes_};
}

void object_reader::each(std::string_view name, const std::function<void(object_reader&)>& f) {
  auto* x = value(name);
  if (!x)
    return;
  auto* array = x->if_array();
  if (!array) {
    complain(name, "must be a list");
    return;
  }
  std::size_t index = 0;
  for (auto& element : *array) {
    object_reader reader{&element, pointer_to(name) + '/' + std::to_string(index++), mistakes_};
    f(reader);
    reader.finish();
  }
}

void object_reader::finish() {
  if (!object_)
    return;
  for (auto& member : *object_) {
    std::string_view name{member.key().data(), member.key().size()};
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      complain(name, "unknown key; allowed are " + joined(known_));
  }
}

} // namespace callboard::connectors
