//! Whether the user may do what the script does, asked before the script does it: one that is
//! refused in its middle has done half of its work.

use redis::{Value, cmd, from_redis_value};

use super::live::Live;
use super::way::Way;

/// One command of each kind that the script uses. Redis 7.0 tells without doing it; older ones do
/// not, and are not asked.
const PROBE: &str = "
    if not redis.acl_check_cmd then return {} end
    local key, channel, sha = ARGV[1], ARGV[2], ARGV[3]
    local wanted = {
        {'get', key}, {'set', key, ''}, {'incr', key}, {'del', key}, {'exists', key},
        {'hset', key, '', ''}, {'hgetall', key},
        {'sadd', key, ''}, {'smembers', key}, {'rpush', key, ''}, {'lrange', key, 0, 0},
        {'zadd', key, 0, ''}, {'zrange', key, 0, 0},
        {'pexpire', key, 1}, {'time'}, {'publish', channel, ''},
        {'subscribe', channel}, {'evalsha', sha, 1, key},
    }
    local missing = {}
    for _, command in ipairs(wanted) do
        if not redis.acl_check_cmd(unpack(command)) then missing[#missing + 1] = command[1] end
    end
    return missing
";

/// Refuses a user that lacks something, in one line.
pub(super) async fn check(live: &Live, way: &Way) -> Result<(), String> {
    let mut probe = cmd("EVAL");
    probe
        .arg(PROBE)
        .arg(0)
        .arg(format!("{}:probe", way.slots.key(0).unwrap_or_default()))
        .arg(&way.channel)
        .arg("0".repeat(40));
    let answer: Value = live.ask(&probe).await.map_err(|error| live.unusable(&error))?;
    let missing: Vec<String> = from_redis_value(answer).map_err(|error| live.unusable(&error.into()))?;
    if missing.is_empty() {
        return Ok(());
    }
    let (prefix, channel) = (&way.state.prefix, &way.channel);
    Err(format!(
        "{}: the user may not do all that is needed on `~{{{prefix}:*` and `&{channel}` ({}); see the ACL \
         rules in docs/redis.md",
        live.address,
        missing.join(", ")
    ))
}
