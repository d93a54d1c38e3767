-- Retention: takes what is over and old, a bounded number of receipts per run.
--
-- born   HASH: a span of numbers -> how many receipts there are with one of it

-- How many numbers (microseconds) a span has: somewhat more than an hour.
local SPAN = 2 ^ 32

-- A receipt came (1) or went (-1).
local function count_born(n, change)
    local span = int(math.floor(n / SPAN))
    if redis.call('HINCRBY', key('born'), span, int(change)) <= 0 then redis.call('HDEL', key('born'), span) end
end

-- Nobody will replay those of its events that wait for that.
local function give_up(id)
    local given_up = 0
    for _, values in pairs(receipt.events(id)) do
        if tally_state(tally_of(values)) == 'pending' then given_up = given_up + 1 end
    end
    if given_up > 0 then tally_moved('pending', 'dead', given_up) end
end

-- Its own deliveries go. Those of a batch go with the last of its receipts.
local function let_go(id)
    local own, batches = {}, {}
    for delivery_id, known in pairs(receipt.deliveries(id)) do
        local part, _, _, batch_id, at = unpack(known)
        if batch_id then
            batches[batch_id] = at
        else
            own[part] = own[part] or {}
            table.insert(own[part], delivery_id)
        end
    end
    for part, ids in pairs(own) do send(part, 'forget', {deliveries = ids}) end
    for batch_id, at in pairs(batches) do send(at, 'forget_member', {receipt = id, batch = batch_id}) end
end

local function delete(id)
    local row = redis.call('HMGET', key('r', id), 'n', 'source')
    redis.call('ZREM', key('over'), id)
    redis.call('ZREM', key('kept'), id)
    if not row[1] then return end
    local member = mark(row[1], id)
    give_up(id)
    let_go(id)
    for _, name in ipairs({key('failed'), key('of', row[2])}) do redis.call('ZREM', name, member) end
    redis.call('DEL', key('r', id), key('rb', id), key('ro', id), key('rm', id), key('rh', id))
    count_born(num(row[1]), -1)
end

-- Deletes the oldest that are over: those that ended by A.done, and by A.lost where something went wrong.
-- How many.
function ops.purge()
    local over = redis.call('ZRANGEBYSCORE', key('over'), '-inf', int(A.done), 'LIMIT', 0, A.limit)
    local kept = redis.call('ZRANGEBYSCORE', key('kept'), '-inf', int(A.lost), 'LIMIT', 0, A.limit - #over)
    for _, id in ipairs(over) do delete(id) end
    for _, id in ipairs(kept) do delete(id) end
    return #over + #kept
end

-- A number that none of the receipts here is below; empty if there are none.
function ops.oldest()
    local first
    for _, span in ipairs(redis.call('HKEYS', key('born'))) do first = earlier(first, num(span)) end
    return first and int(first * SPAN) or ''
end

-- What got through is compared with older events only as long as there are any: forgets notes on receipts
-- before A.oldest (absent: on all). How many.
function ops.forget_newest()
    local upto = A.oldest and '(' .. int(A.oldest) or '+inf'
    return forget_upto('newest_by', 'newest', upto)
end
