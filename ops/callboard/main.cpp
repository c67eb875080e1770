#include "ops/callboard/command_line.hpp"
#include "ops/callboard/node.hpp"

int main(int count, char** arguments) {
  return callboard::run_command_line(count, arguments, callboard::run_node);
}
