"""One case of a client library: `python client.py CASE`. What the driver knows comes as JSON in the
environment variable CALLBOARD_TEST; the last line "done" means that every assertion held."""

import asyncio
import json
import os
import sys

GIVEN = json.loads(os.environ["CALLBOARD_TEST"])


def openai_client(key=None):
    from openai import OpenAI
    return OpenAI(api_key=key or GIVEN["key"], base_url=f"{GIVEN['api']}/v1", timeout=30)


def asked():
    return f"open one in octocat/hello-world titled {GIVEN['title']}"


def responses_create():
    response = openai_client().responses.create(model="sandbox-issue", input=asked(),
                                                tools=GIVEN["tools"])
    calls = [x for x in response.output if x.type == "mcp_call"]
    assert [x.name for x in calls] == ["github_create_issue"], response
    assert "Issue #" in calls[0].output, calls
    assert response.status == "completed" and response.output_text, response


def responses_stream():
    text, kinds = "", []
    with openai_client().responses.stream(model="sandbox-issue", input=asked(),
                                          tools=GIVEN["tools"]) as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                text += event.delta
        final = stream.get_final_response()
    assert "response.mcp_call.completed" in kinds, kinds
    assert final.output_text == text and text, (final, text)


def errors():
    import openai
    try:
        openai_client("sk-eu_nonsense").responses.create(model="sandbox-echo", input="x")
    except openai.AuthenticationError as problem:
        assert problem.code == "invalid_api_key", problem
    else:
        raise AssertionError("a wrong key was taken")


def langchain():
    from langchain_mcp_adapters.client import MultiServerMCPClient

    async def play():
        # The settings that /v1/me/mcp-config hands out, as they are.
        tools = await MultiServerMCPClient(GIVEN["servers"]).get_tools()
        tool = next(x for x in tools if x.name == GIVEN["tool"])
        assert tool.description, tool
        answer = str(await tool.ainvoke(GIVEN["arguments"]))
        assert GIVEN["answer"] in answer, answer

    asyncio.run(play())


if __name__ == "__main__":
    {"create": responses_create, "stream": responses_stream, "errors": errors,
     "langchain": langchain}[sys.argv[1]]()
    print("done")
