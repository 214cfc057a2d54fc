/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/close_code.h"

/*
 * Discord, "Gateway Close Event Codes". For 4003, 4005 and 4008 the documentation
 * only says "reconnect": resuming is the cheaper guess. Codes that are not listed
 * (WebSocket's own 1001, 1005, 1006, 1011, 1012, ...) are accidents: resume.
 */
static const struct {
	int code;
	enum close_verdict verdict;
	const char *sentence;
} codes[] = {
	{0, CLOSE_RESUME, "the connection was lost"},
	{1000, CLOSE_IDENTIFY, "Discord ended the session"},
	{1001, CLOSE_RESUME, "the gateway is going away"},
	{4000, CLOSE_RESUME, "unknown error"},
	{4001, CLOSE_RESUME, "unknown opcode"},
	{4002, CLOSE_RESUME, "decode error"},
	{4003, CLOSE_PAUSE, "not authenticated"},
	{4004, CLOSE_FATAL,
		"Discord refused the token (4004): put the bot's token, from the Developer Portal "
		"> Bot > Reset Token, into DISCORD_TOKEN in .env"},
	{4005, CLOSE_PAUSE, "already authenticated"},
	{4007, CLOSE_IDENTIFY, "invalid sequence number"},
	{4008, CLOSE_PAUSE, "we sent too much"},
	{4009, CLOSE_IDENTIFY, "the session timed out"},
	{4010, CLOSE_FATAL,
		"Discord refused the shard (4010): FuLLet sends none, so something between it and "
		"Discord changes what it says; take DISCORD_API_URL out of .env and start again"},
	{4011, CLOSE_FATAL,
		"Discord demands sharding (4011): this bot is in too many servers and FuLLet "
		"serves "
		"one; make a bot of its own in the Developer Portal and put its token into "
		"DISCORD_TOKEN in .env"},
	{4012, CLOSE_FATAL,
		"Discord no longer speaks this version of its gateway (4012): update FuLLet"},
	{4013, CLOSE_FATAL,
		"Discord does not know the intents that FuLLet asks for (4013): update FuLLet"},
	{4014, CLOSE_FATAL,
		"Discord did not allow an intent (4014): switch it on in the Developer Portal > "
		"Bot "
		"> Privileged Gateway Intents, and start again"},
};

enum close_verdict close_code_verdict(int code, const char **ret_sentence)
{
	for (size_t i = 0; i < countof(codes); i++)
		if (codes[i].code == code) {
			if (ret_sentence)
				*ret_sentence = codes[i].sentence;
			return codes[i].verdict;
		}
	if (ret_sentence)
		*ret_sentence = "the connection was lost";
	return CLOSE_RESUME;
}
