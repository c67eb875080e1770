# The local stand-in for the outside world; needs nothing but loopback.
callboard_tests(sandbox
  sandbox/answer_test.cpp
  sandbox/connectors_test.cpp
  sandbox/control_test.cpp
  sandbox/github_access_test.cpp
  sandbox/github_code_test.cpp
  sandbox/github_issues_test.cpp
  sandbox/github_oauth_test.cpp
  sandbox/model_test.cpp
  sandbox/serve_test.cpp
  sandbox/webhook_sink_test.cpp
  LIBRARIES callboard_sandbox)
