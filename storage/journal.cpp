#include "storage/journal.hpp"

#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "storage/statement.hpp"

namespace callboard {

namespace {

/// About 100,000 settlements: hours of outage at a high rate.
constexpr off_t journal_bytes_max = 64 * 1024 * 1024;

/// Forms of a value in a line; secrets have none.
constexpr std::string_view form_text = "text";
constexpr std::string_view form_bytes = "bytes";

caf::error not_written() {
  return make_problem(errc::store_unavailable, "The database is not available.");
}

result<std::string> line_of(const store_call& call) {
  json::array values;
  for (const auto& value : call.values) {
    switch (value.as) {
    case store_value::form::null:
      values.push_back(nullptr);
      break;
    case store_value::form::text:
      values.push_back(json::object{{form_text, value.data}});
      break;
    case store_value::form::bytes:
      values.push_back(json::object{{form_bytes, to_base64(value.data)}});
      break;
    case store_value::form::secret:
    case store_value::form::key_secret:
      return make_problem(errc::internal, "journal: " + call.statement + " carries a secret");
    }
  }
  json::object root{
    {"tenant", call.tenant.value}, {"statement", call.statement}, {"values", std::move(values)}};
  return json::serialize(root) + "\n";
}

std::optional<store_value> value_of(const json::value& x) {
  if (x.is_null())
    return store_value::null();
  if (!x.is_object())
    return std::nullopt;
  if (auto text = find_string(x.get_object(), form_text))
    return store_value::text(*text);
  auto coded = find_string(x.get_object(), form_bytes);
  auto bytes = coded ? from_base64(*coded) : std::nullopt;
  if (!bytes)
    return std::nullopt;
  return store_value::bytes(*bytes);
}

std::optional<store_call> call_of(std::string_view line) {
  auto root = parse_json_object(line);
  if (!root)
    return std::nullopt;
  auto tenant = find_string(*root, "tenant");
  auto statement = find_string(*root, "statement");
  const auto* values = find_array(*root, "values");
  if (!tenant || !statement || values == nullptr)
    return std::nullopt;
  store_call call{platform_id{*tenant}, *statement, {}, true};
  for (const auto& x : *values) {
    auto value = value_of(x);
    if (!value)
      return std::nullopt;
    call.values.push_back(std::move(*value));
  }
  // An older version knew fewer parameters: those that came later may be null.
  const auto* what = find_statement(*statement);
  while (what != nullptr && call.values.size() < parameter_count(*what))
    call.values.push_back(store_value::null());
  return call;
}

/// Makes the name of a new file durable.
bool sync_folder(const std::filesystem::path& file) {
  auto parent = file.parent_path().empty() ? "." : file.parent_path().string();
  auto fd = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  auto ok = fsync(fd) == 0;
  return close(fd) == 0 && ok;
}

/// Appends durably. On failure the file is cut back, so that no half line stays in its middle.
bool append_line(const std::filesystem::path& file, const std::string& line) {
  auto fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0)
    return false;
  auto end = lseek(fd, 0, SEEK_END);
  char last = '\n';
  if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n') {
    // A torn line of an earlier crash: it was never acknowledged, so it goes.
    std::string text(static_cast<std::size_t>(end), '\0');
    if (pread(fd, text.data(), text.size(), 0) == end)
      end = static_cast<off_t>(text.rfind('\n') + 1);
    if (ftruncate(fd, end) != 0)
      end = -1;
  }
  auto ok = end >= 0
            && pwrite(fd, line.data(), line.size(), end) == static_cast<ssize_t>(line.size())
            && fsync(fd) == 0;
  if (!ok && end >= 0 && ftruncate(fd, end) != 0)
    end = -1;
  ok = close(fd) == 0 && ok;
  return end == 0 ? sync_folder(file) && ok : ok;
}

} // namespace

journal::journal(std::filesystem::path file) : file_(std::move(file)) {}

result<void> journal::append(const store_call& call) {
  auto line = line_of(call);
  if (!line)
    return std::move(line.error());
  if (file_.empty())
    return not_written();
  struct stat info {};
  if (stat(file_.c_str(), &info) == 0 && info.st_size > journal_bytes_max)
    return make_problem(errc::over_limit, "journal " + file_.string() + " is full");
  if (!append_line(file_, *line))
    return not_written();
  return {};
}

result<std::vector<store_call>> journal::read() const {
  std::vector<store_call> calls;
  if (file_.empty())
    return calls;
  std::ifstream in{file_, std::ios::binary};
  if (!in)
    return calls;
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  std::string_view rest = text;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    auto call = call_of(rest.substr(0, end));
    if (!call)
      return make_problem(errc::internal, "journal " + file_.string() + " has a damaged line");
    calls.push_back(std::move(*call));
    rest.remove_prefix(end + 1);
  }
  return calls;
}

result<void> journal::clear() {
  if (file_.empty())
    return {};
  auto fd = open(file_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return {};
  auto ok = ftruncate(fd, 0) == 0 && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (!ok)
    return make_problem(errc::internal, "journal " + file_.string() + " cannot be emptied");
  return {};
}

result<void> journal::keep_refused(const store_call& call, const std::string& reason) const {
  auto line = line_of(call);
  if (!line)
    return std::move(line.error());
  line->pop_back();
  line->pop_back();
  *line += ",\"refused\":" + json::serialize(json::string{reason}) + "}\n";
  if (!append_line(file_.string() + ".refused", *line))
    return not_written();
  return {};
}

result<void> journal::set_aside() {
  auto damaged = file_.string() + ".damaged";
  if (rename(file_.c_str(), damaged.c_str()) != 0 || !sync_folder(file_))
    return make_problem(errc::internal, "journal " + file_.string() + " cannot be renamed");
  return {};
}

bool journal::empty() const {
  struct stat info {};
  return file_.empty() || stat(file_.c_str(), &info) != 0 || info.st_size == 0;
}

} // namespace callboard
